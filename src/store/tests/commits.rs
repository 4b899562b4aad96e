//! Work and commits: all or nothing, one worker.

use super::*;

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
fn only_what_was_written_is_committed() {
    let (_folder, store) = store();
    let w = work(&store, &inputs(1));
    let dir = w.dir().to_path_buf();
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

#[test]
fn a_commit_finds_what_was_done_to_the_files_meanwhile() {
    for (what, harm) in HARMS {
        let (_folder, store) = store();
        let w = work(&store, &inputs(1));
        w.write("images/0.png", b"png").unwrap();
        w.write("images/1.png", b"png").unwrap();
        harm(&w.dir().join("images/0.png"));
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
