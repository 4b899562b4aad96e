//! A race with the real binary on a tiny model: killed and resumed it decides the same, and what it finishes is what a
//! study without a race makes.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{Study, assert_same, decisions, kill_now_and_then, moments, raced, run_until};

type Files = BTreeMap<String, Vec<u8>>;

/// Results and decisions of an undisturbed race, and the time it took; made once.
fn undisturbed() -> &'static (Files, Files, Duration) {
    static MADE: OnceLock<(Files, Files, Duration)> = OnceLock::new();
    MADE.get_or_init(|| {
        let (study, begun) = (Study::new(&raced()), Instant::now());
        study.expect(0, &["study.toml"]);
        (study.results(), decisions(&study), begun.elapsed())
    })
}

#[test]
fn a_race_is_the_same_after_a_kill_and_loses_nothing() {
    let whole = Study::new(&raced());
    let plan = whole.expect(0, &["plan", "study.toml"]);
    assert!(plan.contains("race: at worst 12 training steps") && plan.contains("at best 8 (67 %)"), "{plan}");
    let said = whole.expect(0, &["study.toml"]);
    let (expected, decided) = (whole.results(), decisions(&whole));
    let [(_, decision)] = decided.iter().collect::<Vec<_>>()[..] else { panic!("one decision: {decided:?}") };
    let decision: serde_json::Value = serde_json::from_slice(&decision[65..]).unwrap();
    let stopped = 2 * decision["stopped"].as_array().unwrap().len();
    assert!(stopped > 0, "{decision}");
    assert!(said.contains("race, rung 1 of 1: stopped train.learning_rate="), "{said}");
    let end = format!("{} cells done, {stopped} stopped by the race", 6 - stopped);
    assert!(said.contains(&end) && said.contains("race.rungs=[]"), "{said}");

    // Killed at a rung and run again.
    let killed = Study::new(&raced());
    run_until(&killed, "job_paused", "train", |child| child.kill().unwrap());
    killed.expect(0, &["study.toml"]);
    assert_same(&expected, &killed, "killed at a rung");
    assert_eq!(decisions(&killed), decided);

    // The report says what was stopped and counts only what is finished.
    let report = whole.path().join("reports/small");
    let markdown = fs::read_to_string(report.join("report.md")).unwrap();
    let saved = format!("saved {stopped} of 12 training steps");
    for words in ["## The race", &saved, "step 1 of 2", "stopped by the race and count in no mean"] {
        assert!(markdown.contains(words), "{words}: {markdown}");
    }
    assert_eq!(fs::read_to_string(report.join("trainings.csv")).unwrap().lines().count(), 1 + 6 - stopped);
    assert!(fs::read_to_string(report.join("cells.csv")).unwrap().contains(",stopped"));
    let status = whole.expect(0, &["status", "study.toml"]);
    assert!(status.contains("stopped by the race at step 1 of 2"), "{status}");
    let plan = whole.expect(0, &["plan", "study.toml"]);
    assert!(plan.contains("0 to do") && plan.contains("stopped by the race"), "{plan}");
    // A study on which nothing is left to do makes nothing again.
    whole.expect(0, &["study.toml"]);
    assert_same(&expected, &whole, "run again");

    // Without the race the stopped trainings go on where they were, and all is as if there had been none.
    whole.expect(0, &["study.toml", "--set", "race.rungs=[]"]);
    let never = Study::new(&raced().replace("rungs = [0.5]", "rungs = []"));
    never.expect(0, &["study.toml"]);
    let of_store = |study: &Study| -> BTreeMap<String, Vec<u8>> {
        study.results().into_iter().filter(|(name, _)| name.starts_with(".store/")).collect()
    };
    assert!(of_store(&whole) == of_store(&never), "a stopped training that goes on ends as one that was never stopped");
}

/// Kills a race at moments that are spread over the whole run, and lets it end.
fn kill_at_random_moments(races: usize, kills: usize) {
    let (expected, decided, whole) = undisturbed();
    assert!(!decided.is_empty());
    let mut moments = moments();
    for race in 0..races {
        let study = Study::new(&raced());
        kill_now_and_then(&study, *whole, moments.by_ref().take(kills));
        study.expect(0, &["study.toml"]);
        assert_same(expected, &study, &format!("race {race}, killed {kills} times"));
        assert!(decisions(&study) == *decided, "race {race} decided otherwise");
    }
}

#[test]
fn a_race_that_is_killed_now_and_then_decides_the_same() {
    kill_at_random_moments(2, 3);
}

#[test]
#[ignore = "many minutes: a hundred kills at random moments"]
fn a_race_that_is_killed_a_hundred_times_decides_the_same() {
    kill_at_random_moments(20, 5);
}

#[test]
fn one_two_and_three_workers_run_the_same_race() {
    let (expected, decided, _) = undisturbed();
    for devices in ["cpu:1", "cpu:2", "cpu:3"] {
        let study = Study::new(&raced());
        study.expect(0, &["study.toml", "--devices", devices]);
        assert_same(expected, &study, devices);
        assert!(decisions(&study) == *decided, "{devices} decided otherwise");
    }
}
