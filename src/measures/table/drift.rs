//! How far images change that should not: those of prompts without the subject.

use super::effect::BASELINE_RMSE;
use crate::measures::measure::{Better, Measure, Of};

/// The drift of a cell.
pub(super) const MEASURES: &[Measure] = &[Measure {
    name: "drift_rmse",
    note: "Mean root mean squared difference between images with and without the adapter on prompts without the \
           subject, 0 to 1.",
    better: Better::Lower,
    floor: None,
    ceiling: &[],
    of: Of::Cell(|cell| cell.drift_mean(BASELINE_RMSE.name)),
}];
