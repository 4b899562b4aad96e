//! What the verdict is about: one measure. All others describe.

use crate::choice::Question as Asked;
use crate::measures::verdict::Direction;
use crate::report::data::{CellData, StudyData};

use super::blind::is_blind;

/// The measure that conditions are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Likeness to held-out photos, in the eyes of an encoder.
    Identity,
    /// The denoising loss on held-out photos.
    HeldOut,
    /// The denoising loss on training photos, where no photo is held out.
    Train,
}

/// Why likeness is not what the verdict is about, although it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotIdentity {
    /// The experiment asks for the loss.
    NotAsked,
    /// Real photos and the base model's images score alike.
    Blind,
}

/// The question, and why it is not likeness where likeness is measured.
pub(crate) fn question(data: &StudyData) -> (Question, Option<NotIdentity>) {
    let any = |name: &str| data.cells.iter().any(|cell| cell.value(name).is_some());
    let loss = if any("probe_held_out") { Question::HeldOut } else { Question::Train };
    if !any("identity") {
        return (loss, None);
    }
    if data.question == Some(Asked::HeldOutLoss) {
        return (loss, Some(NotIdentity::NotAsked));
    }
    if is_blind(data) {
        return (loss, Some(NotIdentity::Blind));
    }
    (Question::Identity, None)
}

impl Question {
    /// Its name in `verdict.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::HeldOut => "probe_held_out",
            Self::Train => "probe_train",
        }
    }

    /// Which score is better.
    pub(crate) fn direction(self) -> Direction {
        match self {
            Self::Identity => Direction::Higher,
            Self::HeldOut | Self::Train => Direction::Lower,
        }
    }

    /// What is measured, as people call it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Identity => "likeness",
            Self::HeldOut | Self::Train => "denoising loss",
        }
    }

    /// The score of a cell.
    pub(crate) fn score(self, cell: &CellData) -> Option<f64> {
        cell.value(self.name())
    }

    /// What the base model reaches.
    pub(crate) fn floor(self, cell: &CellData) -> Option<f64> {
        cell.value(match self {
            Self::Identity => "identity_floor",
            Self::HeldOut => "baseline_probe_held_out",
            Self::Train => "baseline_probe_train",
        })
    }

    /// What must be the same in all conditions of a repeat, so that scores can be compared: it depends on the photos
    /// and the way of measuring only.
    pub(crate) fn anchor(self, cell: &CellData) -> Option<f64> {
        match self {
            Self::Identity => cell.value("identity_ceiling"),
            Self::HeldOut | Self::Train => self.floor(cell),
        }
    }

    /// Whether a setting has nothing to do with the score.
    pub(crate) fn ignores(self, key: &str) -> bool {
        let drawn = key.starts_with("generate.") && key != "generate.checkpoint";
        self != Self::Identity && (drawn || key == "evaluate.drift_prompts")
    }

    /// Cells with the same key share the score.
    pub(crate) fn job(self, cell: &CellData) -> String {
        match self {
            Self::Identity => cell.image_job.clone(),
            Self::HeldOut | Self::Train => format!("{} {:?}", cell.train_job, cell.checkpoint),
        }
    }
}
