//! Every stage with its inputs: the list of stages for those who treat them alike.

use super::about::About;
use super::baseline::{self, Baseline};
use super::cell::{CellFacts, Keys};
use super::class_images::{self, ClassImages};
use super::evaluate::{self, Evaluate};
use super::features::{self, Features};
use super::generate::{self, Generate};
use super::key::{Key, KeyInputs};
use super::name::Stage;
use super::prepare::{self, Prepare};
use super::probe::{self, Probe};
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
    Features(Features),
    Probe(Box<Probe>),
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
        Stage::Features => &features::ABOUT,
        Stage::Probe => &probe::ABOUT,
    }
}

impl Inputs {
    /// The inputs of each of a cell's jobs of a stage, the main one first; none if the cell does not have the stage.
    /// `keys` holds those of the cell's earlier stages.
    #[must_use]
    pub fn of(stage: Stage, cell: &CellFacts<'_>, keys: &Keys) -> Vec<Self> {
        let one = match stage {
            Stage::Prepare => Prepare::new(cell, keys).map(Self::Prepare),
            Stage::Baseline => return Baseline::all(cell).into_iter().map(Self::Baseline).collect(),
            Stage::ClassImages => ClassImages::new(cell, keys).map(Self::ClassImages),
            Stage::Train => Train::new(cell, keys).map(Box::new).map(Self::Train),
            Stage::Generate => Generate::new(cell, keys).map(Self::Generate),
            Stage::Evaluate => Evaluate::new(cell, keys).map(Self::Evaluate),
            Stage::Features => return Features::all(cell, keys).into_iter().map(Self::Features).collect(),
            Stage::Probe => return Probe::all(cell, keys).into_iter().map(|one| Self::Probe(Box::new(one))).collect(),
        };
        one.into_iter().collect()
    }

    /// Whether the job reads the artifact of another job of its cell. Where a stage may have several jobs, its inputs
    /// say which.
    #[must_use]
    pub fn reads(&self, stage: Stage, key: &Key) -> bool {
        let is_the_one = match (self, stage) {
            (Self::Evaluate(inputs), Stage::Baseline) => inputs.baseline == *key,
            (Self::Features(inputs), _) => inputs.source == *key,
            (Self::Probe(inputs), Stage::Train) => inputs.train.as_ref() == Some(key),
            _ => true,
        };
        is_the_one && about(self.stage()).needs.contains(&stage)
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
            Self::Features(_) => Stage::Features,
            Self::Probe(_) => Stage::Probe,
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
            Self::Features(inputs) => KeyInputs::of(inputs),
            Self::Probe(inputs) => KeyInputs::of(inputs),
        };
        inputs.with("version", about(self.stage()).version)
    }
}
