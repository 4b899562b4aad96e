//! Inputs for tests that need jobs but no study.

use std::collections::BTreeMap;

use super::{
    cell::{CellEncoder, CellFacts},
    inputs::Inputs,
    key::KeyInputs,
    name::Stage,
};
use crate::experiment::Settings;

/// Inputs of a stage without photos. Another `label` gives another key.
pub(crate) fn inputs(stage: Stage, settings: &Settings, label: &str) -> Inputs {
    let (photos, train, held_out, probed) = (&[][..], Vec::new(), Vec::new(), Vec::new());
    let encoders = settings.evaluate.encoders.iter().map(|choice| CellEncoder { choice, hash: "encoder-hash" });
    let (encoders, masks, base_hash) = (encoders.collect(), &BTreeMap::new(), "base-hash");
    let device_class = label;
    let cell = CellFacts { settings, base_hash, device_class, photos, masks, train, held_out, probed, encoders };
    let keys = Stage::ALL.into_iter().map(|stage| (stage, KeyInputs::new().key(stage))).collect();
    let first = Inputs::of(stage, &cell, &keys).into_iter().next();
    first.unwrap_or_else(|| panic!("the settings do not ask for {stage}"))
}
