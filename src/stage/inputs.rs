//! Every stage with its inputs: the list of stages for those who treat them alike.

use super::about::About;
use super::baseline::{self, Baseline};
use super::cell::{CellFacts, Keys};
use super::class_images::{self, ClassImages};
use super::evaluate::{self, Evaluate};
use super::generate::{self, Generate};
use super::key::KeyInputs;
use super::name::Stage;
use super::prepare::{self, Prepare};
use super::train::{self, Train};

/// Everything that the result of a stage depends on.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Inputs {
    Prepare(Prepare),
    Baseline(Baseline),
    ClassImages(ClassImages),
    Train(Box<Train>),
    Generate(Generate),
    Evaluate(Evaluate),
}

/// What a stage says about itself.
#[must_use]
pub fn about(stage: Stage) -> &'static About {
    match stage {
        Stage::Prepare => &prepare::ABOUT,
        Stage::Baseline => &baseline::ABOUT,
        Stage::ClassImages => &class_images::ABOUT,
        Stage::Train => &train::ABOUT,
        Stage::Generate => &generate::ABOUT,
        Stage::Evaluate => &evaluate::ABOUT,
    }
}

impl Inputs {
    /// The inputs of a cell's stage. `keys` holds those of the cell's earlier stages. `None` if the cell does not have
    /// the stage.
    #[must_use]
    pub fn of(stage: Stage, cell: &CellFacts<'_>, keys: &Keys) -> Option<Self> {
        Some(match stage {
            Stage::Prepare => Self::Prepare(Prepare::new(cell, keys)?),
            Stage::Baseline => Self::Baseline(Baseline::new(cell, keys)?),
            Stage::ClassImages => Self::ClassImages(ClassImages::new(cell, keys)?),
            Stage::Train => Self::Train(Box::new(Train::new(cell, keys)?)),
            Stage::Generate => Self::Generate(Generate::new(cell, keys)?),
            Stage::Evaluate => Self::Evaluate(Evaluate::new(cell, keys)?),
        })
    }

    /// The stage.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Prepare(_) => Stage::Prepare,
            Self::Baseline(_) => Stage::Baseline,
            Self::ClassImages(_) => Stage::ClassImages,
            Self::Train(_) => Stage::Train,
            Self::Generate(_) => Stage::Generate,
            Self::Evaluate(_) => Stage::Evaluate,
        }
    }

    /// What the key is made of: the stage's struct and version, by dotted names.
    #[must_use]
    pub fn key_inputs(&self) -> KeyInputs {
        let inputs = match self {
            Self::Prepare(inputs) => KeyInputs::of(inputs),
            Self::Baseline(inputs) => KeyInputs::of(inputs),
            Self::ClassImages(inputs) => KeyInputs::of(inputs),
            Self::Train(inputs) => inputs.key_inputs(),
            Self::Generate(inputs) => KeyInputs::of(inputs),
            Self::Evaluate(inputs) => KeyInputs::of(inputs),
        };
        inputs.with("version", about(self.stage()).version)
    }
}
