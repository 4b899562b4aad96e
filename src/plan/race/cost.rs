//! What a race costs, in training steps.

use serde::Serialize;

use super::course::Course;
use super::field::Field;

/// Optimizer steps of a race.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RaceCost {
    /// If nothing is stopped.
    pub worst: u64,
    /// If half of the conditions that may be stopped are stopped at each rung that is still to come.
    pub expected: u64,
    /// If all that may be stopped are stopped at the next rung.
    pub best: u64,
}

impl RaceCost {
    /// The steps of all trainings of a race that is so far.
    #[must_use]
    pub fn of(field: &Field, course: &Course) -> Self {
        let next = course.next_rung(field);
        let may_stop = if field.cannot_stop().is_some() { 0 } else { stoppable(field, &course.alive(field)).len() };
        let alive = course.alive(field);
        let (mut worst, mut expected, mut best) = (0.0, 0.0, 0.0);
        let may_be_stopped = stoppable(field, &alive);
        for entrant in &field.entrants {
            let steps = entrant.steps as f64;
            if let Some(decision) = course.stopped_at(entrant.condition) {
                let done = entrant.rungs[decision.rung] as f64;
                (worst, expected, best) = (worst + done, expected + done, best + done);
                continue;
            }
            worst += steps;
            let Some(rung) = next.filter(|_| may_stop > 0 && may_be_stopped.contains(&entrant.condition)) else {
                (expected, best) = (expected + steps, best + steps);
                continue;
            };
            best += entrant.rungs[rung] as f64;
            // Half of those that are left stop at each rung.
            let (mut still, mut mean) = (1.0, 0.0);
            for step in &entrant.rungs[rung..] {
                mean += still / 2.0 * *step as f64;
                still /= 2.0;
            }
            expected += mean + still * steps;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sums of steps
        let whole = |steps: f64| steps.round() as u64;
        Self { worst: whole(worst), expected: whole(expected), best: whole(best) }
    }
}

/// The conditions that may be stopped, if each is asked in turn and the first ones stay.
fn stoppable(field: &Field, alive: &[usize]) -> Vec<usize> {
    let mut left = alive.to_vec();
    for condition in alive.iter().rev() {
        if left.len() > 1 && field.guarded(*condition, &left).is_none() {
            left.retain(|c| c != condition);
        }
    }
    alive.iter().copied().filter(|c| !left.contains(c)).collect()
}
