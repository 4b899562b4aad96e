//! Results and work that are damaged while a run goes on.

use super::*;

#[test]
fn a_damaged_result_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let store = Store::open(folder.path()).unwrap();
    std::fs::write(store.artifact_dir(Stage::Train, &plan.jobs[1].key).join("sum"), b"cut").unwrap();
    let again = run_with(folder.path(), &plan, &[], None);
    assert_eq!(again.log.len(), STEPS as usize);
    assert!(again.names(reasons)[0].contains("damaged"), "{:?}", again.names(reasons));
    assert_eq!(results(folder.path()), expected);
}

/// Flips a byte behind the store's back, as a failing disk does: the times stay as they were.
fn rot(root: &Path, stage: Stage, key: &str) {
    let file = root.join(stage.name()).join(key).join("sum");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // The newest DONE makes the file look untouched.
    let done = file.with_file_name("DONE");
    let text = std::fs::read(&done).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    std::fs::write(&done, text).unwrap();
}

#[test]
fn damage_that_only_a_reader_finds_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let key = |job: usize| plan.jobs[job].key.as_str();
    // What a job reads …
    rot(folder.path(), Stage::Train, key(1));
    Store::open(folder.path()).unwrap().drop_damaged(Stage::Generate, &plan.jobs[2].key).unwrap();
    std::fs::remove_dir_all(folder.path().join("generate")).unwrap();
    let again = run_with(folder.path(), &plan, &[], None);
    assert_eq!(again.summary().done, ["A"]);
    assert_eq!(results(folder.path()), expected);
    // … and what only the report reads.
    rot(folder.path(), Stage::Train, key(1));
    let store = Store::reader(folder.path());
    let mut read = || {
        let artifact = store.find(Stage::Train, &plan.jobs[1].key)?.context("gone")?;
        Ok(artifact.read("sum").map(|_| ())?)
    };
    let (summary, log) = run_reporting(folder.path(), &mut read);
    assert_eq!(summary.report_error, None);
    assert_eq!(log.len(), STEPS as usize);
    assert_eq!(results(folder.path()), expected);
}

#[test]
fn work_whose_files_vanish_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan, &[("train A", 2, Trouble::CleanUp)], None);
    assert_eq!(ran.summary().done, ["A"]);
    assert_eq!(results(folder.path()), expected);
}
