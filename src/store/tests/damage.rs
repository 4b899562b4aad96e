//! Damage to the store, and kills.

use super::*;

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
        assert!(!w.dir().join("manifest.json").exists() && !w.dir().join(".tmp-9-9").exists(), "{left}");
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
    copy(&whole, &store.root().join(format!(".trash/train-{key}.0")));
    done_already("the damaged artifact moved away, the new one not yet in place");
    reset();
    fs::remove_file(workspace.join("adapter.bin")).unwrap();
    let w = work(&store, &inputs(1));
    assert!(!w.has("images/0.png") && !w.has("checkpoint/state"), "DONE but a file lost with the power: start afresh");
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
            fs::remove_dir_all(root.join(".locks").join(&name)).unwrap();
            fs::write(root.join(".locks").join(&name), b"").unwrap();
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
