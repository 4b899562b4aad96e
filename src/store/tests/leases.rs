//! The right to work: held by one, taken over from the dead and the silent, and of no use to whoever lost it.

use super::*;
use crate::store::intact::Intact;
use crate::store::lease::{Lease, Record, newest};
use std::path::PathBuf;

fn right(store: &Store) -> PathBuf {
    store.places.lock(Stage::Train, &w_key())
}

/// Changes what the holder says of itself, as if it were another process.
fn pretend(store: &Store, change: impl Fn(&mut serde_json::Value)) {
    let (path, _, text) = newest(&right(store)).unwrap().unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, beat) = text.split_once('\n').unwrap();
    let mut holder = serde_json::from_str(head).unwrap();
    change(&mut holder);
    fs::write(path, format!("{holder}\n{beat}")).unwrap();
}

/// A holder of another machine with the same process id, whose heartbeat may stand still for a second.
fn elsewhere(holder: &mut serde_json::Value) {
    holder["boot"] = "another machine".into();
    holder["lease_seconds"] = 1.into();
}

fn held(store: &Store) -> bool {
    let (_, _, text) = newest(&right(store)).unwrap().unwrap();
    Record::parse(&text).unwrap().held
}

#[test]
fn a_right_that_was_given_back_is_free_at_once_and_says_so() {
    let (_folder, store) = store();
    let w = work(&store, &inputs(1));
    assert!(held(&store));
    let working = store.holder(Stage::Train, &w_key()).unwrap();
    assert!(working.here && working.holder.process.pid == std::process::id());
    drop(w);
    assert!(!held(&store) && store.holder(Stage::Train, &w_key()).is_none());
    work(&store, &inputs(1)).commit(&made()).unwrap();
    assert!(!held(&store));
    assert_eq!(fs::read_dir(right(&store)).unwrap().count(), 1, "only the last one is kept");
}

#[test]
fn a_dead_holder_is_followed_at_once_and_one_elsewhere_when_it_is_silent() {
    let (_folder, store) = store();
    let first = work(&store, &inputs(1));
    pretend(&store, |holder| holder["started"] = 1.into());
    let second = work(&store, &inputs(1));
    assert!(first.is_lost() && !second.is_lost());
    pretend(&store, elsewhere);
    let begun = std::time::Instant::now();
    loop {
        match store.claim(Stage::Train, &inputs(1)).unwrap() {
            Claim::Busy => std::thread::sleep(std::time::Duration::from_millis(20)),
            Claim::Work(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(begun.elapsed().as_millis() >= 1000, "the same process id elsewhere is another process");
}

/// What a process does that was suspended while another one took its work over.
#[test]
fn whoever_lost_its_right_does_no_harm() {
    let (_folder, store) = store();
    let lost = work(&store, &inputs(1));
    lost.write("checkpoint/state", b"7").unwrap();
    lost.write("adapter.bin", b"weights").unwrap();
    pretend(&store, |holder| holder["started"] = 1.into());
    let next = work(&store, &inputs(1));
    assert_eq!(next.read("checkpoint/state").unwrap().unwrap(), b"7", "it goes on from the checkpoint");
    // It has not noticed yet: what it writes goes where nobody looks.
    let _ = lost.write("adapter.bin", b"late!!!");
    assert_eq!(next.read("adapter.bin").unwrap().unwrap(), b"weights");
    assert!(matches!(lost.commit(&made()), Err(StoreError::Lost { .. })));
    assert_eq!(store.look(Stage::Train, &w_key()).unwrap(), Found::Missing);
    let artifact = next.commit(&made()).unwrap();
    assert_eq!(artifact.read("adapter.bin").unwrap(), b"weights");
    assert!(matches!(store.claim(Stage::Train, &inputs(1)).unwrap(), Claim::Done(_)));
}

#[test]
fn of_two_commits_the_first_stays() {
    let (_folder, store) = store();
    let first = commit(&store, &inputs(1));
    let when = fs::metadata(first.dir.join("DONE")).unwrap().modified().unwrap();
    // A second holder of the same work: it was complete when the first one's came to its place.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Store::open(other.path()).unwrap();
    let second = commit(&elsewhere, &inputs(1));
    copy(&second.dir, &store.places.work_of(Stage::Train, &w_key(), "0"));
    let lease = store.lock(Stage::Train, &w_key()).unwrap().unwrap();
    let opened = Workspace::open(&store.places, &Intact::default(), Stage::Train, &inputs(1), lease).unwrap();
    assert_eq!(opened.unwrap_err(), first);
    assert_eq!(fs::metadata(first.dir.join("DONE")).unwrap().modified().unwrap(), when);
    assert!(store.places.works(Stage::Train, &w_key()).unwrap().is_empty());
}

#[test]
fn a_heartbeat_is_heard_and_finds_that_the_right_was_lost() {
    let (_folder, store) = store();
    let mut holder = Holder::this("cuda:1").unwrap();
    holder.process.boot = Some("another machine".into());
    holder.lease_seconds = 1;
    let lease = Lease::take_for(holder, &right(&store), &store.watch).unwrap().unwrap();
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 2500 {
        assert!(store.lock(Stage::Train, &w_key()).unwrap().is_none(), "its heart beats");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    lease.check_quickly().unwrap();
    // Somebody whose watch found it silent takes the next number.
    let (path, number, text) = newest(&right(&store)).unwrap().unwrap();
    fs::write(path.with_file_name(format!("{:09}", number + 1)), text).unwrap();
    while lease.check_quickly().is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(lease);
    assert!(held(&store), "what others hold is not given back");
}

#[test]
fn a_file_of_an_older_version_in_place_of_a_right_is_replaced() {
    let (_folder, store) = store();
    let right = right(&store);
    fs::create_dir_all(right.parent().unwrap()).unwrap();
    fs::write(&right, b"").unwrap();
    fs::create_dir_all(store.root().join(".work")).unwrap();
    work(&store, &inputs(1)).commit(&made()).unwrap();
    // A file that is no record is a holder that nobody knows: it is waited for.
    fs::write(right.join("000000009"), b"\xff").unwrap();
    assert!(store.lock(Stage::Train, &w_key()).unwrap().is_none());
}

#[test]
fn what_a_killed_process_left_beside_a_right_is_swept() {
    let (_folder, store) = store();
    drop(work(&store, &inputs(1)));
    let left = right(&store).join(format!("{TEMP_PREFIX}left"));
    fs::write(&left, "").unwrap();
    store.sweep().unwrap();
    assert!(!left.exists());
    assert!(!held(&store));
}
