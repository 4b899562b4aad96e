//! The laws of the store: all or nothing, one worker, nothing damaged is used.

use super::*;
use crate::stage::Stage;
use std::{collections::BTreeSet, fs, path::Path};

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
    // Other tests start programs: between fork and exec such a child holds every lock that was open here, for some
    // milliseconds.
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
    w.commit(&made()).unwrap()
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
    assert_eq!(artifact.manifest.seconds, 1.5);
    assert!(!artifact.dir.join("checkpoint").exists());
    assert!(artifact.read("../../x").is_err() && artifact.read("none").is_err());
    assert!(store.find(Stage::Generate, &key).unwrap().is_none());
}

#[test]
fn checkpoints_and_time_survive_an_attempt() {
    let (_folder, store) = store();
    let first = work(&store, &inputs(1));
    first.write("checkpoint/state", b"7").unwrap();
    first.end_attempt(2.0).unwrap();
    drop(first);
    let second = work(&store, &inputs(1));
    assert_eq!(second.read("checkpoint/state").unwrap().unwrap(), b"7");
    assert_eq!(second.read("checkpoint/none").unwrap(), None);
    assert_eq!(second.commit(&made()).unwrap().manifest.seconds, 3.5);
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
                            w.commit(&made()).unwrap();
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
        assert_eq!(store.list(false).len(), 1);
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
    let (place, workspace) = (artifact.dir, store.places.work(Stage::Train, &key));
    let reset = || {
        for path in [&place, &workspace] {
            files::remove(path).unwrap();
        }
        copy(&whole, &workspace);
        fs::create_dir(workspace.join("checkpoint")).unwrap();
        fs::write(workspace.join("checkpoint/state"), b"moments").unwrap();
        for (name, content) in
            [("adapter.bin", &b"weights"[..]), ("images/0.png", b"png"), ("checkpoint/state", b"moments")]
        {
            journal::note(&workspace, name, &FileEntry::of(content)).unwrap();
        }
    };
    let works_again = |left: &str| {
        let w = work(&store, &inputs(1));
        assert_eq!(w.read("checkpoint/state").unwrap().unwrap(), b"moments", "{left}");
        assert!(!workspace.join("manifest.json").exists() && !workspace.join(".tmp-9-9").exists(), "{left}");
        assert_eq!(w.commit(&made()).unwrap().manifest.files.len(), 2, "{left}");
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
    copy(&whole, &store.places.trash(Stage::Train, &key));
    done_already("the damaged artifact moved away, the new one not yet in place");
    reset();
    fs::remove_file(workspace.join("adapter.bin")).unwrap();
    let w = work(&store, &inputs(1));
    assert!(!w.has("images/0.png") && !w.has("checkpoint/state"), "DONE but a file lost with the power: start afresh");
}

#[test]
fn only_what_was_written_is_committed() {
    let (_folder, store) = store();
    let w = work(&store, &inputs(1));
    let dir = store.places.work(Stage::Train, &inputs(1).key(Stage::Train));
    assert!(w.write("../x", b"").is_err() && w.write("/x", b"").is_err() && w.write("DONE", b"").is_err());
    w.write("a", b"1").unwrap();
    fs::write(dir.join(".hidden"), b"").unwrap();
    fs::write(dir.join("stranger"), b"").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
    let artifact = w.commit(&made()).unwrap();
    assert_eq!(artifact.manifest.files.keys().collect::<Vec<_>>(), ["a"]);
    let left: BTreeSet<_> = fs::read_dir(&artifact.dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

/// A name and what is done to a file.
type Harm = (&'static str, fn(&Path));

/// What a clean-up job, an editor or a disk may do to work in progress.
const HARMS: [Harm; 7] = [
    ("flipped", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[0] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("cut", |path| fs::write(path, &fs::read(path).unwrap()[1..]).unwrap()),
    ("longer", |path| fs::write(path, [&fs::read(path).unwrap()[..], b"x"].concat()).unwrap()),
    ("emptied", |path| fs::write(path, b"").unwrap()),
    ("removed", |path| fs::remove_file(path).unwrap()),
    ("a folder", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("with its folder", |path| fs::remove_dir_all(path.parent().unwrap()).unwrap()),
];

#[test]
fn a_commit_finds_what_was_done_to_the_files_meanwhile() {
    for (what, harm) in HARMS {
        let (_folder, store) = store();
        let w = work(&store, &inputs(1));
        w.write("images/0.png", b"png").unwrap();
        w.write("images/1.png", b"png").unwrap();
        harm(&store.places.work(Stage::Train, &w_key()).join("images/0.png"));
        w.write("images/2.png", b"png").unwrap();
        let error = w.commit(&made()).unwrap_err();
        assert!(error.is_damage(), "{what}: {error}");
        assert_eq!(store.look(Stage::Train, &w_key()).unwrap(), Found::Missing, "{what}");
        let again = work(&store, &inputs(1));
        assert!(!again.has("images/0.png") && !again.has("images/2.png"), "{what}: begun anew");
        again.write("images/0.png", b"png").unwrap();
        assert_eq!(again.commit(&made()).unwrap().manifest.files.len(), 1, "{what}");
    }
}

fn w_key() -> Key {
    inputs(1).key(Stage::Train)
}

#[test]
fn an_attempt_takes_over_only_what_is_as_it_was_written() {
    for (what, harm) in HARMS {
        let (_folder, store) = store();
        let w = work(&store, &inputs(1));
        w.write("checkpoint/state", b"moments").unwrap();
        w.write("images/0.png", b"png").unwrap();
        drop(w);
        let dir = store.places.work(Stage::Train, &w_key());
        harm(&dir.join("checkpoint/state"));
        fs::write(dir.join("stranger"), b"png").unwrap();
        let again = work(&store, &inputs(1));
        assert_eq!(again.read("checkpoint/state").unwrap(), None, "{what}");
        assert_eq!(again.read("images/0.png").unwrap().unwrap(), b"png", "{what}");
        assert!(!again.has("stranger") && !dir.join("stranger").exists());
        again.write("checkpoint/state", b"new").unwrap();
        assert_eq!(again.read("checkpoint/state").unwrap().unwrap(), b"new", "{what}");
    }
}

#[test]
fn damage_to_the_journal_costs_work_and_nothing_else() {
    for (what, harm) in HARMS {
        let (_folder, store) = store();
        let w = work(&store, &inputs(1));
        w.write("images/0.png", b"png").unwrap();
        drop(w);
        harm(&store.places.work(Stage::Train, &w_key()).join(journal::JOURNAL));
        let again = work(&store, &inputs(1));
        again.write("images/0.png", b"png").unwrap();
        assert_eq!(again.commit(&made()).unwrap().manifest.files.len(), 1, "{what}");
    }
}

#[test]
fn an_attempt_that_ended_without_a_word_is_known() {
    let (_folder, store) = store();
    let first = work(&store, &inputs(1));
    assert!(!first.earlier().died);
    drop(first);
    let second = work(&store, &inputs(1));
    assert!(second.earlier().died);
    second.end_attempt(1.0).unwrap();
    drop(second);
    let third = work(&store, &inputs(1));
    assert_eq!(*third.earlier(), Earlier::default());
}

#[test]
fn odd_things_in_the_store_are_damage_not_the_end() {
    let harms: [fn(&Path); 6] = [
        |dir| {
            fs::remove_file(dir.join("DONE")).unwrap();
            fs::create_dir(dir.join("DONE")).unwrap();
        },
        |dir| {
            fs::remove_file(dir.join("manifest.json")).unwrap();
            fs::create_dir(dir.join("manifest.json")).unwrap();
        },
        |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::write(dir, b"").unwrap();
        },
        |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::create_dir(dir).unwrap();
        },
        |dir| {
            let elsewhere = dir.with_file_name("elsewhere");
            let _ = fs::remove_dir_all(&elsewhere);
            fs::rename(dir, &elsewhere).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink(&elsewhere, dir).unwrap();
            #[cfg(not(unix))]
            fs::write(dir, b"").unwrap();
        },
        |dir| {
            let root = dir.parent().unwrap().parent().unwrap();
            let name = format!("train-{}", dir.file_name().unwrap().to_str().unwrap());
            fs::remove_file(dir.join("DONE")).unwrap();
            fs::remove_file(root.join(".locks").join(&name)).unwrap();
            fs::create_dir(root.join(".locks").join(&name)).unwrap();
            fs::write(root.join(".work").join(&name), b"").unwrap();
            fs::create_dir_all(root.join(".failed").join(format!("{name}.json"))).unwrap();
        },
    ];
    for (n, harm) in harms.into_iter().enumerate() {
        let (_folder, store) = store();
        harm(&commit(&store, &inputs(1)).dir);
        assert!(matches!(store.look(Stage::Train, &w_key()).unwrap(), Found::Damaged(_)), "{n}");
        assert!(store.list(true).iter().any(|entry| matches!(entry.state, State::Damaged(_))), "{n}");
        assert_eq!(store.failure(Stage::Train, &w_key()).unwrap(), None, "{n}");
        commit(&store, &inputs(1));
    }
}

#[test]
fn a_changed_byte_is_found_and_the_artifact_made_again() {
    let (_folder, store) = store();
    let artifact = commit(&store, &inputs(1));
    let path = artifact.dir.join("adapter.bin");
    fs::write(&path, b"WEIGHTS").unwrap();
    assert!(matches!(store.look(Stage::Train, &w_key()).unwrap(), Found::Damaged(_)));
    assert!(store.drop_damaged(Stage::Train, &w_key()).unwrap());
    assert_eq!(store.look(Stage::Train, &w_key()).unwrap(), Found::Missing);
    assert_eq!(commit(&store, &inputs(1)).read("adapter.bin").unwrap(), b"weights");
    assert!(!store.drop_damaged(Stage::Train, &w_key()).unwrap());
    // A copy of the store has other times: it is hashed once, and good.
    let other = store.root().with_file_name("copy");
    copy(store.root(), &other);
    assert!(matches!(Store::reader(&other).look(Stage::Train, &w_key()).unwrap(), Found::Done(_)));
}

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
