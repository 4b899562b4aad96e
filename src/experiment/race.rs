//! `[race]`: conditions that clearly lose are stopped before their trainings end.

use serde::{Deserialize, Serialize};

use super::evaluate::Probe;
use super::problem::Problem;
use super::reader::Reader;
use super::source::Origin;
use crate::choice::RaceMeasure;

/// More rungs are a mistake: each makes the test stricter.
const MAX_RUNGS: usize = 20;
/// With fewer timesteps, a third of them may be none.
const THIRDS: usize = 3;

/// `[race]`, if there is a race. No key of a result depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Race {
    /// The optimizer steps at which conditions are compared, in ascending order; the training goes on after each.
    pub rungs: Vec<usize>,
    /// Whether the last condition of a swept value may be stopped.
    pub stop_values: bool,
    /// By what they are compared.
    #[serde(skip_serializing_if = "RaceMeasure::is_default", default)]
    pub measure: RaceMeasure,
}

/// Reads and checks the section for a cell with so many steps and held-out photos, if these are known. The inner
/// `None`: there is no race.
pub(super) fn read(
    reader: &mut Reader<'_>,
    steps: Option<usize>,
    held_out: Option<usize>,
    probe: Option<&Probe>,
) -> Option<Option<Race>> {
    let given = reader.numbers("race.rungs", "[100, 200]");
    let stop_values = reader.flag("race.stop_values");
    let measure = reader.choice::<RaceMeasure>("race.measure");
    let (given, stop_values, measure) = (given?, stop_values?, measure?);
    if given.is_empty() {
        return Some(None);
    }
    if given.len() > MAX_RUNGS {
        let problem = Problem::error(reader.place("race.rungs"), format!("`race.rungs` has {} rungs", given.len()));
        reader.push(problem.expected(format!("at most {MAX_RUNGS}")));
        return None;
    }
    if held_out == Some(0) {
        let problem = Problem::error(reader.place("race.rungs"), "a race is judged on held-out photos");
        reader.push(problem.help("hold photos out with `dataset.held_out`, or remove `race.rungs`"));
        return None;
    }
    let (steps, probe) = (steps?, probe?);
    if !measure.is_default() && probe.probe_timesteps < THIRDS {
        let times = probe.probe_timesteps;
        let message = format!("`race.measure` is about a third of the timesteps, but the probe has {times}");
        let problem = Problem::error(reader.place("race.measure"), message);
        let help = "set `evaluate.probe_timesteps` to at least 3, or leave `race.measure` at \"held-out-loss\"";
        reader.push(problem.help(help));
        return None;
    }
    let probe_every = probe.probe_every;
    // All that are wrong are told.
    let rungs: Vec<Option<usize>> = given.iter().map(|rung| step(reader, rung, steps, probe_every)).collect();
    let rungs: Vec<usize> = rungs.into_iter().collect::<Option<_>>()?;
    if let Some(at) = (1..rungs.len()).find(|i| rungs[*i] <= rungs[i - 1]) {
        let message = format!("rung {} of `race.rungs` is not after rung {}", at + 1, at);
        let problem = Problem::error(given[at].1.value(), message);
        reader.push(problem.expected("steps in ascending order"));
        return None;
    }
    Some(Some(Race { rungs, stop_values, measure }))
}

/// The optimizer step of a rung: a whole number is the step, a number below 1 a share of all steps.
fn step(reader: &mut Reader<'_>, (rung, origin): &(f64, Origin), steps: usize, probe_every: usize) -> Option<usize> {
    let is_share = *rung > 0.0 && *rung < 1.0;
    #[allow(clippy::cast_precision_loss)] // at most ten million
    let exact = if is_share { rung * steps as f64 } else { *rung };
    let whole = exact.round();
    let refuse = |reader: &mut Reader<'_>, expected: String| {
        let message = match is_share {
            true => format!("`race.rungs` cannot be {rung}: that is step {exact} of {steps}"),
            false => format!("`race.rungs` cannot be {rung}"),
        };
        reader.push(Problem::error(origin.value(), message).expected(expected));
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked to be a step
    let step = if (1.0..=1e7).contains(&whole) && (exact - whole).abs() < 1e-6 { whole as usize } else { 0 };
    if step == 0 || step >= steps {
        let last = steps.saturating_sub(1);
        refuse(reader, format!("a step from 1 to {last}, or a share of the steps, e.g. 0.25"));
        return None;
    }
    if probe_every == 0 || !step.is_multiple_of(probe_every) {
        let expected = match probe_every {
            0 => "`evaluate.probe_every` to be a number of steps: a race goes by the probe loss".to_owned(),
            every => format!("a multiple of `evaluate.probe_every`, which is {every}: a race goes by the probe loss"),
        };
        refuse(reader, expected);
        return None;
    }
    Some(step)
}
