//! `runner lock`, `--locked` and `runner diff`, with the real binary.

mod common;

use common::{SMALL, Study};
use serde_json::Value;
use std::fs;

/// The small study without what takes time here.
fn quick(name: &str) -> String {
    let text =
        SMALL.replace("images = 2", "images = 0").replace("steps = 6", "steps = 2").replace("steps = 3", "steps = 1");
    text.replace("seeds = [0, 1]", "seeds = [0]").replace("\"small\"", &format!("{name:?}"))
}

fn json(study: &Study, arguments: &[&str]) -> Value {
    let output = study.run(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_locked_study_is_what_it_was() {
    let study = Study::new("extends = \"base.toml\"\n[train]\nrank = 3\n");
    study.write("base.toml", &quick("locked"));
    let missing = study.expect(96, &["plan", "study.toml", "--locked"]);
    assert!(missing.contains("there is no study.lock") && missing.contains("runner lock study.toml"), "{missing}");
    assert_eq!(study.expect(0, &["lock", "study.toml"]), "study.lock\n");
    let lock = fs::read_to_string(study.path().join("study.lock")).unwrap();
    for part in ["\"study.toml\" = ", "\"base.toml\" = ", "\"train.rank\" = \"3\"", "\"00.jpg\" = "] {
        assert!(lock.contains(part), "{part}: {lock}");
    }
    // Written again it is the same, and the folder of the command does not count.
    study.expect(0, &["lock", "study.toml"]);
    assert_eq!(fs::read_to_string(study.path().join("study.lock")).unwrap(), lock);
    study.expect(0, &["plan", "study.toml", "--locked"]);
    let absolute = study.path().join("study.toml");
    study.expect(0, &["plan", absolute.to_str().unwrap(), "--locked", "--device-class", "cuda"]);
    study.expect(0, &["study.toml", "--locked"]);

    // Each change is named.
    let insist = |words: &[&str], more: &[&str]| {
        let said = study.expect(96, &[&["plan", "study.toml", "--locked"][..], more].concat());
        assert!(words.iter().all(|word| said.contains(word)) && said.contains("runner lock study.toml"), "{said}");
        said
    };
    insist(&["train.rank was 3, and is 4"], &["--set", "train.rank=4"]);
    insist(&["dataset.size was 1 | 2, and is 1", "cells was"], &["--set", "sweep.dataset.size=[1]"]);
    let photos = study.path().join("data/photos");
    let photo = fs::read(photos.join("00.jpg")).unwrap();
    fs::rename(photos.join("00.jpg"), photos.join("09.jpg")).unwrap();
    insist(&["data/photos: 00.jpg is gone", "data/photos: 09.jpg was added"], &[]);
    fs::rename(photos.join("09.jpg"), photos.join("00.jpg")).unwrap();
    fs::write(photos.join("00.jpg"), [photo.as_slice(), b"x"].concat()).unwrap();
    insist(&["data/photos: 00.jpg has another content"], &[]);
    fs::write(photos.join("00.jpg"), &photo).unwrap();
    fs::write(photos.join("00.txt"), "a caption").unwrap();
    insist(&["00.jpg (caption) was added"], &[]);
    fs::remove_file(photos.join("00.txt")).unwrap();
    study.write("base.toml", &(quick("locked") + "\n# A comment.\n"));
    let said = insist(&["base.toml has another content"], &[]);
    assert!(!said.contains("train."), "{said}");
    study.expect(96, &["study.toml", "--locked"]);
    study.write("base.toml", &quick("locked"));
    study.expect(0, &["plan", "study.toml", "--locked"]);

    // What is no lock file is refused.
    for bad in ["", "format = 1", &lock.replace("format = 1", "format = 7"), &(lock.clone() + "\nmore = 1\n"), "\u{0}"]
    {
        fs::write(study.path().join("study.lock"), bad).unwrap();
        let said = study.expect(96, &["plan", "study.toml", "--locked"]);
        assert!(said.contains("cannot read study.lock"), "{said}");
    }
    for (then, now, words) in [
        ("runner = \"", "runner = \"9.", "this is runner"),
        ("train = ", "train = 9", "other `train` results"),
        ("\nrunner", "\n#\nrunner", ""),
    ] {
        fs::write(study.path().join("study.lock"), lock.replacen(then, now, 1)).unwrap();
        match words {
            "" => drop(study.expect(0, &["plan", "study.toml", "--locked"])),
            words => drop(insist(&[words], &[])),
        }
    }
}

#[test]
fn studies_are_compared_by_settings_jobs_and_results() {
    let study = Study::new(&quick("one"));
    study.write("other.toml", &quick("other").replace("rank = 2", "rank = 1").replace("[1, 2]", "[2, 3]"));
    let plan = study.expect(0, &["diff", "study.toml", "other.toml"]);
    for words in ["train.rank", "cells of A only: dataset.size=1\n", "Results are not compared"] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    study.expect(0, &["study.toml"]);
    for (a, b) in [("study.toml", "study.toml"), ("study.toml", "reports/one"), ("reports/one", "reports/one")] {
        assert!(study.expect(0, &["diff", a, b]).contains("Both are the same study"), "{a} {b}");
        assert_eq!(json(&study, &["diff", a, b])["same"], true);
    }
    study.expect(0, &["other.toml"]);
    let files = json(&study, &["diff", "study.toml", "other.toml"]);
    let folders = json(&study, &["diff", "reports/one", "reports/other"]);
    assert_eq!(files["settings"], folders["settings"]);
    assert_eq!((&files["stages"], &files["results"]), (&folders["stages"], &folders["results"]));
    assert_eq!(files["same"], false);
    let keys: Vec<&str> = files["settings"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap()).collect();
    assert!(
        keys.contains(&"train.rank") && keys.contains(&"dataset.size") && !keys.contains(&"train.steps"),
        "{keys:?}"
    );
    assert_eq!(files["only_cells"], serde_json::json!([["dataset.size=1"], ["dataset.size=3"]]));
    let stage = |name: &str| files["stages"].as_array().unwrap().iter().find(|s| s["stage"] == name).unwrap().clone();
    let baseline = stage("baseline");
    assert_eq!((&baseline["only_a"], &baseline["only_b"]), (&0.into(), &0.into()), "{baseline}");
    let train = stage("train");
    assert_eq!((&train["shared"], &train["only_a"], &train["only_b"]), (&0.into(), &2.into(), &2.into()));
    let because = train["differing"].to_string();
    assert!(because.contains("rank 2 → 1") && because.contains("added"), "{because}");
    assert_eq!(train["differing"][0]["because"], serde_json::json!(["alpha 2 → 1", "rank 2 → 1"]), "the nearest one");
    let titles: Vec<&str> =
        files["results"]["conditions"].as_array().unwrap().iter().map(|c| c["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["1 photo", "2 photos", "3 photos"]);
    let both = &files["results"]["conditions"][1];
    assert_ne!(both["a"]["score"]["mean"], both["b"]["score"]["mean"]);
    let text = study.expect(0, &["diff", "reports/one", "other.toml"]);
    assert!(text.contains("mean and 95 % interval") && text.contains("n = 1"), "{text}");

    // A report that is not of the file as it is now does not count.
    study.write("other.toml", &quick("other").replace("rank = 2", "rank = 4"));
    let said = study.expect(0, &["diff", "study.toml", "other.toml"]);
    assert!(said.contains("is not the report of other.toml as it is now"), "{said}");
    // Files of others are read with care.
    let record = study.path().join("reports/one/study.json");
    let good = fs::read_to_string(&record).unwrap();
    for bad in ["", "{}", &good[..good.len() / 2], &good.replace("\"format\":1", "\"format\":2"), &"[".repeat(100_000)]
    {
        fs::write(&record, bad).unwrap();
        assert!(study.expect(96, &["diff", "reports/one", "other.toml"]).contains("study.json"), "{bad:.20}");
    }
    fs::remove_file(&record).unwrap();
    assert!(study.expect(96, &["diff", "reports/one", "other.toml"]).contains("runner report EXPERIMENT.toml"));
}
