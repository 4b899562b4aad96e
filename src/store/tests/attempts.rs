//! What an attempt takes over from the one before it.

use super::*;

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
fn unfinished_work_is_shown_until_it_is_done() {
    let (_folder, store) = store();
    let key = inputs(1).key(Stage::Train);
    let seen = |name: &str| store.unfinished(Stage::Train, &key, name).unwrap();
    assert_eq!(seen("checkpoint/loss.csv"), None);
    let work = work(&store, &inputs(1));
    work.write("checkpoint/loss.csv", b"1").unwrap();
    work.write("checkpoint/loss.csv", b"22").unwrap();
    assert_eq!(seen("checkpoint/loss.csv").as_deref(), Some(&b"22"[..]));
    fs::write(work.dir().join("checkpoint/loss.csv"), "33").unwrap();
    assert_eq!(seen("checkpoint/loss.csv"), None, "it is not what was written");
    assert!(store.unfinished(Stage::Train, &key, "../x").is_err());
    work.write("checkpoint/loss.csv", b"44").unwrap();
    work.commit(&made()).unwrap();
    assert_eq!(seen("checkpoint/loss.csv"), None);
}
