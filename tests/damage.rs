//! Damage every kind of stored file in every way, in the store, in work in progress and in the report, and run again:
//! the result is that of an undisturbed run. Never is it silently another one.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use common::{SMALL, Study, assert_same, run_until};

/// A study of one cell that visits every stage.
fn small() -> Study {
    Study::new(&SMALL.replace("dataset.size = [1, 2]", "dataset.size = [2]"))
}

/// A name and what is done to a file.
type Harm = (&'static str, fn(&Path));

/// What a disk, an editor, a backup or a clean-up job may do to a file.
const HARMS: [Harm; 7] = [
    ("flipped", |path| change(path, flip)),
    ("cut", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("longer", |path| change(path, |bytes| bytes.push(b'\n'))),
    ("emptied", |path| change(path, Vec::clear)),
    ("removed", |path| fs::remove_file(path).unwrap()),
    ("a folder", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        fs::write(path.join("inside"), "x").unwrap();
    }),
    ("a link to a damaged copy", |path| {
        let copy = path.with_extension("copy");
        fs::rename(path, &copy).unwrap();
        change(&copy, |bytes| bytes[0] ^= 1);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&copy, path).unwrap();
    }),
];

/// Flips one bit in the middle.
#[allow(clippy::ptr_arg)] // one of the functions that `change` takes
fn flip(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
}

/// Changes a file that may be empty, which then gets a byte.
fn change(path: &Path, how: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    if bytes.is_empty() {
        bytes.push(b'x');
    } else {
        how(&mut bytes);
    }
    fs::write(path, bytes).unwrap();
}

/// Plain files below a folder, by their name in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// One file of each kind: of several images of one folder the first stands for all.
fn kinds(folder: &Path) -> Vec<PathBuf> {
    let mut kinds: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files(folder) {
        let inside = path.strip_prefix(folder).unwrap();
        let name = inside.file_name().unwrap().to_str().unwrap();
        let group = inside.parent().unwrap().to_str().unwrap();
        let kind = if name.ends_with(".png") { format!("{group}/*.png") } else { format!("{group}/{name}") };
        kinds.entry(kind).or_insert(path);
    }
    kinds.into_values().collect()
}

/// The folders of the artifacts of a store, one of each stage.
fn artifacts(study: &Study) -> Vec<PathBuf> {
    let store = study.path().join("reports/.store");
    let stages = ["prepare", "baseline", "class_images", "train", "generate", "evaluate"];
    let first =
        |stage: &str| fs::read_dir(store.join(stage)).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    stages.iter().map(|stage| first(stage)).collect()
}

/// The results of an undisturbed run, made once for all tests.
fn undisturbed() -> &'static BTreeMap<String, Vec<u8>> {
    static RESULTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let study = small();
        study.expect(0, &["study.toml"]);
        study.results()
    })
}

/// Every kind of file × every harm, one file of each stage at a time.
fn damage_the_store(harms: &[Harm]) {
    let study = small();
    study.expect(0, &["study.toml"]);
    let expected = undisturbed();
    let most = artifacts(&study).iter().map(|artifact| kinds(artifact).len()).max().unwrap();
    for (harm, harm_it) in harms {
        for round in 0..most {
            let mut damaged = Vec::new();
            for artifact in artifacts(&study) {
                let kinds = kinds(&artifact);
                let path = &kinds[round % kinds.len()];
                harm_it(path);
                damaged.push(path.strip_prefix(study.path()).unwrap().display().to_string());
            }
            study.expect(0, &["study.toml"]);
            assert_same(expected, &study, &format!("{harm}: {damaged:?}"));
        }
    }
}

#[test]
fn a_damaged_store_is_mended() {
    damage_the_store(&HARMS[..1]);
}

#[test]
#[ignore = "a minute or two: every kind of file in every way"]
fn a_store_damaged_in_every_way_is_mended() {
    damage_the_store(&HARMS);
}

/// A study that was killed in a stage, with what it left.
fn killed_in(stage: &str) -> Study {
    let study = small();
    // The last step of a training leaves a checkpoint; other stages leave what they wrote so far.
    run_until(&study, "job_progress", stage, |child| {
        if stage == "train" {
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        child.kill().unwrap();
    });
    study
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// Every kind of file of unfinished work × every harm.
fn damage_work(stages: &[&str], harms: &[Harm]) {
    let expected = undisturbed();
    for stage in stages {
        let killed = killed_in(stage);
        let names = |study: &Study| kinds(&study.path().join("reports/.store/.work"));
        assert!(!names(&killed).is_empty(), "{stage} left nothing");
        for index in 0..names(&killed).len() {
            for (harm, harm_it) in harms {
                let study = small();
                copy(&killed.path().join("reports"), &study.path().join("reports"));
                let path = names(&study)[index].clone();
                harm_it(&path);
                study.expect(0, &["study.toml"]);
                assert_same(expected, &study, &format!("{harm}: {}", path.display()));
            }
        }
    }
}

#[test]
fn damaged_work_in_progress_is_done_again() {
    damage_work(&["train"], &HARMS[..1]);
}

#[test]
#[ignore = "some minutes: every kind of file of every stage in every way"]
fn work_in_progress_damaged_in_every_way_is_done_again() {
    damage_work(&["prepare", "baseline", "class_images", "train", "generate"], &HARMS);
}

#[test]
fn work_removed_during_a_run_is_done_again() {
    let expected = undisturbed();
    for stage in ["baseline", "train"] {
        let study = small();
        let work = study.path().join("reports/.store/.work");
        let code = run_until(&study, "job_progress", stage, |_| {
            // A writer may put a new file into it meanwhile.
            for _ in 0..100 {
                if fs::remove_dir_all(&work).is_ok() {
                    return;
                }
            }
            panic!("the work in progress cannot be removed");
        });
        // A write that fell between removal and renewal may fail; then it is said, and the next run goes on.
        if code != Some(0) {
            assert_eq!(code, Some(1), "{stage}");
            study.expect(0, &["study.toml"]);
        }
        assert_same(expected, &study, stage);
    }
}

#[test]
fn a_damaged_report_is_written_again() {
    let study = small();
    study.expect(0, &["study.toml"]);
    let expected = undisturbed();
    let report = study.path().join("reports/small");
    for (index, path) in kinds(&report).iter().enumerate() {
        // All but the folder: what somebody keeps in a folder of that name is not removed.
        HARMS[index % 5].1(path);
    }
    study.expect(0, &["study.toml"]);
    assert_same(expected, &study, "a damaged report");
}

#[test]
fn damage_is_said_by_those_who_cannot_mend_it() {
    let study = small();
    study.expect(0, &["study.toml"]);
    let train = artifacts(&study)[3].clone();
    change(&train.join("pytorch_lora_weights.safetensors"), |bytes| bytes[100] ^= 1);
    assert!(study.expect(0, &["plan", "study.toml"]).contains("is damaged"));
    let status = study.expect(100, &["status", "study.toml"]);
    assert!(status.contains("damaged: train") && status.contains("was changed after it was stored"), "{status}");
    assert!(study.expect(100, &["report", "study.toml"]).contains("damaged"));
    assert!(study.expect(0, &["clean"]).contains("was changed after it was stored"));
    let foreign = train.with_file_name("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    let cleaned = study.expect(0, &["clean", "--broken"]);
    assert!(cleaned.contains("left alone") && cleaned.contains("notes.txt"), "{cleaned}");
    assert!(!train.exists() && foreign.exists());
}
