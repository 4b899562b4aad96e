//! A race in a plan: who takes part, and that nothing else depends on it.

use super::study::Study;

const SWEEP: &str = "[sweep]\ntrain.rank = [4, 8]\ntrain.learning_rate = [1e-4, 1e-3]\ntrain.seed = [0, 1]\n\
                     generate.lora_scale = [0.5, 1.0]";

#[test]
fn no_key_depends_on_the_race() {
    let mut study = Study::new(30);
    let without = study.plan(SWEEP, &[]);
    let with = study.plan(SWEEP, &["race.rungs=[0.25, 0.5]", "race.stop_values=true", "race.measure=much-noise"]);
    assert_eq!((without.race.is_some(), with.race.is_some()), (false, true));
    assert_eq!(without.jobs, with.jobs);
}

#[test]
fn trainings_take_part_once_by_condition_and_repeat() {
    let mut study = Study::new(30);
    let plan = study.plan(SWEEP, &["race.rungs=[0.25, 0.5]"]);
    let field = plan.race.clone().unwrap();
    // Cells that differ in how images are drawn share a training.
    assert_eq!((plan.cells.len(), field.entrants.len(), field.conditions.len(), field.repeats), (16, 8, 4, 2));
    let titles: Vec<String> = (0..4).map(|c| field.title(c)).collect();
    assert_eq!(titles[1], "train.learning_rate=0.001 train.rank=4");
    for (condition, repeat) in (0..4).flat_map(|c| [(c, 0), (c, 1)]) {
        assert_eq!(field.entrants.iter().filter(|e| (e.condition, e.repeat) == (condition, repeat)).count(), 1);
    }
    let steps = field.entrants[0].steps;
    assert_eq!(field.entrants[0].rungs, [steps / 4, steps / 2]);
    assert_eq!(field.cannot_stop(), None);
    // A part of the study would decide otherwise.
    assert_eq!(plan.clone().only(&(0..16).collect::<Vec<_>>()).race, Some(field));
    assert_eq!(plan.only(&[0, 1, 2, 3]).race, None);
}

#[test]
fn a_race_that_can_stop_nothing_is_told() {
    let mut study = Study::new(30);
    let mut told = |sweep: &str, words: &str| {
        let plan = study.plan(sweep, &["race.rungs=[0.5]"]);
        assert_eq!(plan.notices.iter().filter(|notice| notice.contains(words)).count(), 1, "{:?}", plan.notices);
    };
    told("[sweep]\ntrain.rank = [4, 8]\ntrain.seed = [0, 1]", "race.stop_values = true");
    told("[sweep]\ntrain.rank = [4, 8]\ntrain.learning_rate = [1e-4, 1e-3]", "train.seed = [0, 1, 2]");
    told("[sweep]\ntrain.seed = [0, 1]", "nothing to compare");
}
