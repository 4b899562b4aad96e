//! How far the adapter moves an image away from the base model's image on the same noise.

use crate::measures::measure::{Better, Measure, Of};
use crate::measures::rmse::rmse;
use crate::measures::ssim::ssim;

/// The difference of one image, which other measures average.
pub(super) const BASELINE_RMSE: Measure = Measure {
    name: "baseline_rmse",
    note: "Root mean squared difference to the base model's image on the same noise, 0 to 1.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::Image(|pair| rmse(&pair.image, &pair.base).map(Some)),
};

/// The effect on single images and on the prompts that ask for the subject.
pub(super) const MEASURES: &[Measure] = &[
    BASELINE_RMSE,
    Measure {
        name: "baseline_ssim",
        note: "Structural similarity to the base model's image on the same noise, at most 1.",
        of: Of::Image(|pair| ssim(&pair.image, &pair.base).map(Some)),
        ..BASELINE_RMSE
    },
    Measure {
        name: "mean_baseline_rmse",
        note: "Mean root mean squared difference to the base model's images on the same noise, 0 to 1.",
        of: Of::Cell(|cell| cell.subject_mean(BASELINE_RMSE.name)),
        ..BASELINE_RMSE
    },
];
