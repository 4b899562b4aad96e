//! By what the conditions of a race are compared.

use super::words::{Choice, is_default, written_as_word};

/// By what the conditions of a race are compared: the loss on held-out photos over all times of the process, or over a
/// third of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RaceMeasure {
    /// Over all times.
    #[default]
    HeldOutLoss,
    /// Over the times with little noise, where details are decided.
    LittleNoise,
    /// Over those between.
    MiddleNoise,
    /// Over the times with much noise, where it is decided what the picture shows at all.
    MuchNoise,
}

impl Choice for RaceMeasure {
    const NOUN: &'static str = "measure of a race";
    const ALL: &'static [(&'static str, Self)] = &[
        ("held-out-loss", Self::HeldOutLoss),
        ("little-noise", Self::LittleNoise),
        ("middle-noise", Self::MiddleNoise),
        ("much-noise", Self::MuchNoise),
    ];
}

written_as_word!(RaceMeasure);

impl RaceMeasure {
    /// Whether it is what everybody has who names none.
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    /// What it is, behind "its" or "their".
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::HeldOutLoss => "loss on held-out photos",
            Self::LittleNoise => "loss on held-out photos with little noise",
            Self::MiddleNoise => "loss on held-out photos with a middle amount of noise",
            Self::MuchNoise => "loss on held-out photos with much noise",
        }
    }
}
