//! Kill the program at many moments, run it again: the result is that of an undisturbed run.

mod common;

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::OnceLock,
    time::{Duration, Instant},
};

use common::{SMALL, Study, assert_same, kill_now_and_then, moments, run_until};

/// The small study with adapters that are kept on the way, not only at checkpoints of the training.
fn keeping() -> Study {
    let text = SMALL.replace("checkpoint_every = 2", "checkpoint_every = 2\nkeep_every = 3");
    Study::new(&(text + "generate.checkpoint = [3, 6]\n"))
}

/// The results of an undisturbed run and the time it took, made once for all tests.
fn reference() -> (&'static BTreeMap<String, Vec<u8>>, Duration) {
    static REFERENCE: OnceLock<(BTreeMap<String, Vec<u8>>, Duration)> = OnceLock::new();
    let (results, time) = REFERENCE.get_or_init(undisturbed);
    (results, *time)
}

fn undisturbed() -> (BTreeMap<String, Vec<u8>>, Duration) {
    let study = keeping();
    let start = Instant::now();
    study.expect(0, &["study.toml"]);
    let results = study.results();
    for needed in ["small/index.html", "small/loss.csv", "small/cells.csv", "small/grid.png", "small/loss.png"] {
        assert!(results.contains_key(needed), "{needed} is missing in {:?}", results.keys());
    }
    for needed in ["pytorch_lora_weights.safetensors", "kept/step_000003.safetensors", "probe_values.csv"] {
        assert!(results.keys().any(|name| name.ends_with(needed)), "{needed} is missing in {:?}", results.keys());
    }
    (results, start.elapsed())
}

/// One run that is killed as soon as an event line contains both words.
#[track_caller]
fn kill_at(study: &Study, event: &str, stage: &str) {
    run_until(study, event, stage, |child| child.kill().unwrap());
}

#[test]
fn killed_in_every_stage_ends_in_the_same_bytes() {
    let (expected, _) = reference();
    let study = keeping();
    for stage in ["prepare", "baseline", "class_images", "train", "generate", "evaluate", "probe"] {
        kill_at(&study, "job_started", stage);
        if stage != "evaluate" {
            kill_at(&study, "job_progress", stage);
        }
    }
    study.expect(0, &["study.toml"]);
    assert_same(expected, &study, "killed in every stage");
}

#[test]
fn killed_at_random_moments_ends_in_the_same_bytes() {
    kill_at_random_moments(3, 5);
}

#[test]
#[ignore = "ten minutes: 200 kills over all stages and the report"]
fn killed_two_hundred_times_ends_in_the_same_bytes() {
    kill_at_random_moments(40, 5);
}

fn kill_at_random_moments(trials: usize, kills: usize) {
    let (expected, whole) = reference();
    let mut moments = moments();
    for trial in 0..trials {
        let study = keeping();
        kill_now_and_then(&study, whole, moments.by_ref().take(kills));
        study.expect(0, &["study.toml"]);
        assert_same(expected, &study, &format!("trial {trial}"));
    }
}

#[test]
fn two_runners_share_one_store() {
    let (expected, _) = reference();
    let study = keeping();
    let start = || study.command(&["study.toml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (one, two) = (start(), start());
    for child in [one, two] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_same(expected, &study, "two runners at once");
}

#[test]
#[cfg(unix)]
fn a_signal_checkpoints_and_says_how_to_go_on() {
    let (expected, _) = reference();
    let study = keeping();
    let code = run_until(&study, "job_progress", "train", |child| {
        let status = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(status.success());
    });
    assert_eq!(code, Some(75));
    study.expect(0, &["study.toml"]);
    assert_same(expected, &study, "after SIGTERM");
}
