//! A run beside others: failures that pass, work that is taken over, failures of others, order and time.

use super::*;
use std::time::Instant;

fn messages(event: &Event) -> Option<String> {
    match event {
        Event::Warning { message } => Some(message.clone()),
        Event::Retrying { reason, attempt, .. } => Some(format!("{attempt}: {reason}")),
        _ => None,
    }
}

#[test]
fn a_full_disk_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let ran = run_with(folder.path(), &plan(&["A"]), &[("train A", 1, Trouble::Full)], None);
    assert_eq!(ran.summary().done, ["A"]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let told = ran.names(messages);
    assert!(told[0].starts_with("1: train A could not go on: cannot write") && told.len() == 1, "{told:?}");
    assert_eq!(
        ran.log.iter().filter(|step| step.starts_with("train A")).count(),
        STEPS as usize,
        "from the checkpoint"
    );
}

#[test]
fn work_that_was_taken_over_is_left_alone() {
    let whole = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    run_with(whole.path(), &plan(&["A"]), &[], None).result.unwrap();
    let ran = run_with(folder.path(), &plan(&["A"]), &[("train A", 1, Trouble::TakenOver)], None);
    let told = ran.names(messages);
    assert!(told[0].contains("train A is left to another runner") && told.len() == 1, "{told:?}");
    assert_eq!(ran.summary().done, ["A"], "the other one gave it back");
    assert_eq!(results(folder.path()), results(whole.path()));
}

#[test]
fn what_failed_elsewhere_meanwhile_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan(&["A", "B"]), &[("train A", 1, Trouble::OtherFails)], None);
    assert_eq!(ran.summary().done, ["A"]);
    assert_eq!(ran.summary().failed[0].reason, "no luck");
    assert!(!ran.log.iter().any(|step| step.starts_with("train B")));
    let again = run_with(folder.path(), &plan(&["A", "B"]), &[], None);
    assert_eq!(again.summary().done, ["A", "B"], "a new run tries it");
}

#[test]
fn the_longest_path_is_begun_first_and_nothing_after_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, store, stop) = (plan(&["A", "B"]), Store::open(folder.path()).unwrap(), StopFlag::new());
    let time = Some(TimeLimit::from_now(Duration::ZERO));
    let run = Run { terms: Terms { time, ..Terms::default() }, ..run_of(&plan, &store, &|_: &Event| {}, &stop) };
    let summary = run.execute(&mut Fake::default(), &mut || Ok(())).unwrap();
    assert!(summary.stopped && summary.skipped.len() == 2 && summary.stuck.is_empty());
    let terms = Terms { order: Order::LongestFirst, ..Terms::default() };
    let run = Run { terms, ..run_of(&plan, &store, &|_: &Event| {}, &stop) };
    let mut worker = Fake::default();
    run.execute(&mut worker, &mut || Ok(())).unwrap();
    let firsts = worker.log.iter().filter_map(|step| step.strip_suffix(" 0"));
    assert_eq!(firsts.collect::<Vec<_>>(), ["baseline all", "train A", "train B", "generate A", "generate B"]);
}
