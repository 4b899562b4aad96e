//! The laws of the store: all or nothing, one worker, nothing damaged is used.

use super::*;
use serde_json::json;

fn made() -> Made {
    Made { seconds: 1.5, device: "cpu".into(), threads: 2 }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("r/.store")).unwrap();
    (folder, store)
}

fn inputs(n: u32) -> KeyInputs {
    KeyInputs::new().with("n", n).with("rate", 1e-4)
}

fn work(store: &Store, inputs: &KeyInputs) -> Workspace {
    // Other tests start programs: between fork and exec such a child holds every lock that was open here, for some milliseconds.
    for _ in 0..500 {
        match store.claim(Stage::Train, inputs).unwrap() {
            Claim::Work(workspace) => return workspace,
            Claim::Busy => std::thread::sleep(std::time::Duration::from_millis(10)),
            other => panic!("{other:?}"),
        }
    }
    panic!("busy for five seconds");
}

fn commit(store: &Store, inputs: &KeyInputs) -> Artifact {
    let w = work(store, inputs);
    w.write("adapter.bin", b"weights").unwrap();
    w.write("images/0.png", b"png").unwrap();
    w.write("checkpoint/state", b"moments").unwrap();
    w.commit(json!({"loss": 0.5}), &made()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_commit_is_found_again_with_its_files_and_without_checkpoint() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    assert_eq!(store.look(Stage::Train, &key).unwrap(), Found::Missing);
    let artifact = commit(&store, &inputs(1));
    assert_eq!(store.find(Stage::Train, &key).unwrap().unwrap(), artifact);
    assert!(matches!(store.claim(Stage::Train, &inputs(1)).unwrap(), Claim::Done(_)));
    assert_eq!(artifact.read("images/0.png").unwrap(), b"png");
    assert_eq!(artifact.manifest.files.keys().collect::<Vec<_>>(), ["adapter.bin", "images/0.png"]);
    assert_eq!((artifact.manifest.seconds, &artifact.manifest.info["loss"]), (1.5, &json!(0.5)));
    assert!(!artifact.dir.join("checkpoint").exists());
    assert!(artifact.read("../../x").is_err() && artifact.read("none").is_err());
    assert!(store.find(Stage::Generate, &key).unwrap().is_none());
}

#[test]
fn checkpoints_and_time_survive_an_attempt() {
    let (_folder, store) = store();
    let first = work(&store, &inputs(1));
    first.write("checkpoint/state", b"7").unwrap();
    first.add_seconds(2.0).unwrap();
    drop(first);
    let second = work(&store, &inputs(1));
    assert_eq!(second.read("checkpoint/state").unwrap().unwrap(), b"7");
    assert_eq!(second.read("checkpoint/none").unwrap(), None);
    assert_eq!(second.commit(json!(null), &made()).unwrap().manifest.seconds, 3.5);
}

#[test]
fn only_one_worker_at_a_time() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    assert_eq!(store.attempt(Stage::Train, &key), Attempt::None);
    let held = work(&store, &inputs(1));
    assert_eq!(store.attempt(Stage::Train, &key), Attempt::Working);
    assert!(matches!(store.clone().claim(Stage::Train, &inputs(1)).unwrap(), Claim::Busy));
    assert!(matches!(store.claim(Stage::Train, &inputs(2)).unwrap(), Claim::Work(_)));
    drop(held);
    assert_eq!(store.attempt(Stage::Train, &key), Attempt::Begun);
    work(&store, &inputs(1));
}

#[test]
fn many_threads_commit_once() {
    let (_folder, store) = store();
    let commits = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    match store.claim(Stage::Train, &inputs(1)).unwrap() {
                        Claim::Done(_) => break,
                        Claim::Busy => std::thread::yield_now(),
                        Claim::Work(w) => {
                            w.write("a", b"x").unwrap();
                            w.commit(json!(null), &made()).unwrap();
                            commits.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(commits.into_inner(), 1);
}

#[test]
fn damage_is_noticed_and_replaced() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 8] = [
        ("no DONE", |dir| fs::remove_file(dir.join("DONE")).unwrap()),
        ("is missing", |dir| fs::remove_file(dir.join("adapter.bin")).unwrap()),
        ("is missing", |dir| fs::remove_dir_all(dir.join("images")).unwrap()),
        ("has 3 bytes instead of 7", |dir| fs::write(dir.join("adapter.bin"), b"cut").unwrap()),
        ("no manifest", |dir| fs::remove_file(dir.join("manifest.json")).unwrap()),
        ("not the one that was committed", |dir| fs::write(dir.join("manifest.json"), b"{}").unwrap()),
        ("not the one that was committed", |dir| fs::write(dir.join("DONE"), b"").unwrap()),
        ("not a plain file", |dir| {
            fs::remove_file(dir.join("adapter.bin")).unwrap();
            fs::create_dir(dir.join("adapter.bin")).unwrap();
        }),
    ];
    for (what, harm) in harms {
        harm(&commit(&store, &inputs(1)).dir);
        match store.look(Stage::Train, &key).unwrap() {
            Found::Damaged(text) => assert!(text.contains(what) && text.contains(key.as_str()), "{text}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(store.list().unwrap().len(), 1);
    }
    let artifact = commit(&store, &inputs(1));
    fs::write(artifact.dir.join("adapter.bin"), b"WEIGHTS").unwrap();
    assert!(artifact.read("adapter.bin").unwrap_err().to_string().contains("changed after it was stored"));
}

/// Every state a kill can leave during a commit, rebuilt by hand: the next claim either works again with the
/// checkpoint intact, or finds the finished artifact.
#[test]
fn a_kill_at_any_point_of_a_commit_leaves_all_or_nothing() {
    let (folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    let whole = folder.path().join("whole");
    let artifact = commit(&store, &inputs(1));
    copy(&artifact.dir, &whole);
    let (place, workspace) = (artifact.dir, store.work_dir(Stage::Train, &key));
    let reset = || {
        for path in [&place, &workspace] {
            files::remove(path).unwrap();
        }
        copy(&whole, &workspace);
        fs::create_dir(workspace.join("checkpoint")).unwrap();
        fs::write(workspace.join("checkpoint/state"), b"moments").unwrap();
    };
    let works_again = |left: &str| {
        let w = work(&store, &inputs(1));
        assert_eq!(w.read("checkpoint/state").unwrap().unwrap(), b"moments", "{left}");
        assert!(!w.dir().join("manifest.json").exists() && !w.dir().join(".tmp-9-9").exists(), "{left}");
        assert_eq!(w.commit(json!(null), &made()).unwrap().manifest.files.len(), 2, "{left}");
    };
    let done_already = |left: &str| match store.claim(Stage::Train, &inputs(1)).unwrap() {
        Claim::Done(found) => assert!(found.dir == place && !found.dir.join("checkpoint").exists(), "{left}"),
        other => panic!("{left}: {other:?}"),
    };

    reset();
    fs::remove_file(workspace.join("DONE")).unwrap();
    works_again("manifest written, DONE not");
    reset();
    fs::rename(workspace.join("DONE"), workspace.join(".tmp-9-9")).unwrap();
    fs::remove_file(workspace.join("manifest.json")).unwrap();
    works_again("half-written temp file");
    reset();
    done_already("DONE written, nothing moved");
    reset();
    fs::remove_dir_all(workspace.join("checkpoint")).unwrap();
    done_already("checkpoint removed");
    reset();
    copy(&whole, &place);
    fs::remove_file(place.join("DONE")).unwrap();
    done_already("a damaged artifact still in the place");
    reset();
    copy(&whole, &store.trash_dir(Stage::Train, &key));
    done_already("the damaged artifact moved away, the new one not yet in place");
    reset();
    fs::remove_file(workspace.join("adapter.bin")).unwrap();
    let w = work(&store, &inputs(1));
    assert_eq!(fs::read_dir(w.dir()).unwrap().count(), 0, "DONE but a file lost with the power: start afresh");
}

#[test]
fn links_and_odd_names_are_not_committed() {
    let (_folder, store) = store();
    let w = work(&store, &inputs(1));
    assert!(w.write("../x", b"").is_err() && w.path("/x").is_err() && w.write("DONE", b"").is_err());
    fs::write(w.dir().join(".hidden"), b"").unwrap();
    assert!(w.commit(json!(null), &made()).unwrap_err().to_string().contains(".hidden"));
    #[cfg(unix)]
    {
        let w = work(&store, &inputs(2));
        std::os::unix::fs::symlink("/etc/passwd", w.dir().join("link")).unwrap();
        assert!(w.commit(json!(null), &made()).is_err());
    }
}

#[test]
fn failures_are_remembered_until_success() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    assert_eq!(store.failure(Stage::Train, &key).unwrap(), None);
    store.record_failure(Stage::Train, &key, "loss is NaN at step 3").unwrap();
    assert_eq!(store.failure(Stage::Train, &key).unwrap().unwrap().reason, "loss is NaN at step 3");
    assert_eq!(store.list().unwrap()[0].state, State::Failed);
    commit(&store, &inputs(1));
    assert_eq!(store.failure(Stage::Train, &key).unwrap(), None);
}

#[test]
fn the_nearest_artifact_explains_a_rerun() {
    let (_folder, store) = store();
    assert!(store.nearest(Stage::Train, &inputs(1), &|_| true).is_none());
    commit(&store, &inputs(1).with("rate", 0.5));
    commit(&store, &inputs(1));
    let new = inputs(1).with("rate", 2e-4);
    let old = store.nearest(Stage::Train, &inputs(2), &|_| true).unwrap();
    assert_eq!(old.inputs, inputs(1));
    assert_eq!(new.changes_from(&old.inputs)[0].to_string(), "rate 0.0001 → 0.0002");
}

#[test]
fn entries_can_be_listed_and_discarded_but_not_while_in_work() {
    let (_folder, store) = store();
    commit(&store, &inputs(1));
    let held = work(&store, &inputs(2));
    held.write("checkpoint/x", b"123").unwrap();
    let entries = store.list().unwrap();
    let mut states: Vec<_> = entries.iter().map(|e| (e.state.clone(), e.bytes)).collect();
    states.sort_by_key(|(_, bytes)| *bytes);
    assert_eq!(states, [(State::Unfinished, 3), (State::Done, 10)]);
    let discarded: Vec<_> = entries.iter().map(|e| store.discard(e).unwrap()).collect();
    assert_eq!(discarded.iter().filter(|done| **done).count(), 1);
    drop(held);
    let left = store.list().unwrap();
    assert!(left.len() == 1 && store.discard(&left[0]).unwrap());
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Store::open(&folder.path().join("file/.store")).unwrap_err().to_string();
    assert!(error.contains("file/.store") && error.starts_with("cannot make the folder"), "{error}");
    assert!(Store::reader(&folder.path().join("none")).list().unwrap().is_empty());
}
