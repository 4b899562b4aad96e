//! What a measure is: a named number with a direction, how it is computed and where a report shows it.

use super::error::MeasureError;
use super::features::{FeatureCell, FeatureImage};
use super::inputs::{Cell, ImagePair};
use super::numbers::CellNumbers;
use super::probe_values::ProbeChanges;
use super::record::Values;
use crate::choice::Purpose;

/// A named number.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name in `metrics.json` and in the CSV files.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub note: &'static str,
    /// Which value is the better one.
    pub better: Better,
    /// The measure that says what the base model reaches without any adapter.
    pub floor: Option<&'static str>,
    /// The measures that say what real photos reach; the first that is defined counts.
    pub ceiling: &'static [&'static str],
    /// How it is computed, and of what.
    pub of: Of,
}

/// Which value of a measure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// The one nearer to the floor.
    Near,
    /// Neither: it is something to hold another measure against.
    Neither,
}

/// What a measure is computed of. `None` where it is not defined. The first three are computed by the stage `evaluate`
/// and stand in `metrics.json`; the others are computed where a report is made.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// One generated image.
    Image(fn(&ImagePair<'_>) -> Result<Option<f64>, MeasureError>),
    /// All images of one prompt that asks for the subject, one per seed. The cell's number is the mean over its
    /// prompts.
    Prompt(fn(&[ImagePair<'_>]) -> Result<Option<f64>, MeasureError>),
    /// A whole cell.
    Cell(fn(&Cell<'_>) -> Option<f64>),
    /// One generated image, in the eyes of an encoder for this purpose.
    ImageFeatures(Purpose, fn(&FeatureCell<'_>, &FeatureImage<'_>) -> Option<f64>),
    /// A whole cell, in the eyes of an encoder for this purpose.
    CellFeatures(Purpose, fn(&FeatureCell<'_>) -> Option<f64>),
    /// The numbers of a cell's images.
    CellNumbers(fn(&CellNumbers<'_>) -> Option<f64>),
    /// A whole cell, of what its training changed in the probe values.
    Probes(fn(&ProbeChanges<'_>) -> Option<f64>),
}

impl Better {
    /// The direction as a sentence; empty if there is none.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Lower => "Lower is better.",
            Self::Higher => "Higher is better.",
            Self::Near => "The nearer to the base model's, the better.",
            Self::Neither => "",
        }
    }
}

impl Measure {
    /// Its number among measured ones.
    #[must_use]
    pub fn value(&self, values: &Values) -> Option<f64> {
        values.get(self.name).copied()
    }

    /// What the base model reaches.
    #[must_use]
    pub fn floor(&self, values: &Values) -> Option<f64> {
        values.get(self.floor?).copied()
    }

    /// What real photos reach.
    #[must_use]
    pub fn ceiling(&self, values: &Values) -> Option<f64> {
        self.ceiling.iter().find_map(|name| values.get(*name).copied())
    }

    /// Whether it is a number of a whole cell.
    #[must_use]
    pub fn is_of_cell(&self) -> bool {
        !matches!(self.of, Of::Image(_) | Of::ImageFeatures(..))
    }

    /// Whether the stage `evaluate` computes it: then its name is in the key of that stage.
    #[must_use]
    pub fn is_of_pixels(&self) -> bool {
        matches!(self.of, Of::Image(_) | Of::Prompt(_) | Of::Cell(_))
    }

    /// What the encoder must be for, if it needs one.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        match self.of {
            Of::ImageFeatures(purpose, _) | Of::CellFeatures(purpose, _) => Some(purpose),
            Of::Image(_) | Of::Prompt(_) | Of::Cell(_) | Of::CellNumbers(_) | Of::Probes(_) => None,
        }
    }
}
