//! A race with the real binary on a tiny model: killed and resumed it decides the same, and what it finishes is what a
//! study without a race makes.

mod common;

use common::{SMALL, Study, assert_same, run_until};
use std::collections::BTreeMap;
use std::fs;

/// Three learning rates, of which two learn next to nothing, and two seeds that learn
/// alike, so that so small a study can tell the rates apart.
fn raced() -> String {
    let text = SMALL
        .replace("images = 2", "images = 0")
        .replace("steps = 6", "steps = 2")
        .replace("steps = 3", "steps = 1")
        .replace("seeds = [0, 1]", "seeds = [0]")
        .replace("baseline_prompts = [\"a {name} {class}\"]", "baseline_prompts = []")
        .replace("probe_every = 2", "probe_every = 1\nprobe_photos = 1\ndrift_prompts = []")
        .replace("probe_timesteps = 2", "probe_timesteps = 1")
        .replace("batch_size = 2", "batch_size = 1")
        .replace("checkpoint_every = 2", "checkpoint_every = 3")
        .replace("resolution = 64", "resolution = 32")
        .replace("size = 2", "size = 1")
        .replace("dataset.size = [1, 2]", "train.learning_rate = [1e-2, 1e-7, 2e-7]\ntrain.seed = [1, 2]");
    text + "\n[race]\nrungs = [0.5]\nstop_values = true\n"
}

/// The decisions in the store.
fn decisions(study: &Study) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(study.path().join("reports/.store/.race")).into_iter().flatten().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
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
