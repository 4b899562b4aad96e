//! Failures, manifests and entries.

use super::*;

#[test]
fn failures_are_remembered_until_success() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    assert_eq!(store.failure(Stage::Train, &key).unwrap(), None);
    store.record_failure(Stage::Train, &key, "loss is NaN at step 3").unwrap();
    assert_eq!(store.failure(Stage::Train, &key).unwrap().unwrap().reason, "loss is NaN at step 3");
    assert_eq!(store.list(false)[0].state, State::Failed);
    commit(&store, &inputs(1));
    assert_eq!(store.failure(Stage::Train, &key).unwrap(), None);
}

#[test]
fn manifests_of_a_stage_are_read_and_unreadable_ones_passed_over() {
    let (_folder, store) = store();
    assert!(store.manifests(Stage::Train).is_empty());
    commit(&store, &inputs(1));
    commit(&store, &inputs(2));
    std::fs::write(store.artifact_dir(Stage::Train, &inputs(2).key(Stage::Train)).join("manifest.json"), "{").unwrap();
    let read: Vec<_> = store.manifests(Stage::Train).into_iter().map(|manifest| manifest.inputs).collect();
    assert_eq!(read, [inputs(1)]);
}

#[test]
fn entries_can_be_listed_and_discarded_but_not_while_in_work() {
    let (_folder, store) = store();
    commit(&store, &inputs(1));
    let held = work(&store, &inputs(2));
    held.write("checkpoint/x", b"123").unwrap();
    let entries = store.list(false);
    let states: BTreeSet<_> = entries.iter().map(|e| (format!("{:?}", e.state), e.bytes >= 3)).collect();
    assert_eq!(states, [("Done".to_owned(), true), ("Unfinished".to_owned(), true)].into());
    let discarded: Vec<_> = entries.iter().map(|e| store.discard(e).unwrap()).collect();
    assert_eq!(discarded.iter().filter(|done| **done).count(), 1);
    drop(held);
    let left = store.list(false);
    assert!(left.len() == 1 && store.discard(&left[0]).unwrap());
    assert!(store.list(false).is_empty());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Store::open(&folder.path().join("file/.store")).unwrap_err().to_string();
    assert!(error.contains("file/.store") && error.starts_with("cannot make the folder"), "{error}");
    assert!(Store::reader(&folder.path().join("none")).list(false).is_empty());
}
