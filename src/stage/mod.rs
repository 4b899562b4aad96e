//! What each stage depends on, needs and costs: one file per stage, without disks and models.
//!
//! The struct of a stage ([`Train`], [`Generate`], …) is at once what the worker is given and, serialised, the key of
//! the result ([`KeyInputs::of`]): a stage cannot use what its key lacks. Recipes of the experiment file are embedded
//! whole, so that a new setting of a recipe is in the keys by itself. Fields with `#[serde(skip)]` are in no key:
//! either another input determines them, which their doc names, or they are `hints`, which never change a result.
//!
//! In no key are: names and titles, labels, names and places of photos and models, `dataset.size` and
//! `dataset.held_out` (the photos themselves count), `train.epochs` (the steps count).

mod about;
mod baseline;
mod by_stage;
mod cell;
mod class_images;
mod class_words;
mod drawing;
mod evaluate;
mod features;
mod generate;
mod inputs;
mod key;
mod name;
mod older_names;
mod prepare;
mod probe;
mod train;

pub use about::About;
pub use baseline::{Baseline, BaselineImages};
pub use by_stage::ByStage;
pub use cell::{CellEncoder, CellFacts, Cropping, Keys, ModelInputs};
pub use class_images::ClassImages;
pub use class_words::{has_word, with_class_word, with_name};
pub use drawing::{DriftPrompts, ImageHints};
pub use evaluate::Evaluate;
pub use features::Features;
pub use generate::{Generate, GenerateImages};
pub use inputs::{Inputs, about};
pub use key::{Change, Key, KeyInputs};
pub use name::Stage;
pub use older_names::setting as setting_of;
pub use prepare::Prepare;
pub use probe::{Probe, ProbeHints, ProbeNoise, UsedAdapter};
pub use train::{Identifier, PriorWeight, Train, TrainHints, TrainInputs};

#[cfg(test)]
pub(crate) mod fixture;
