//! Inputs for tests that need jobs but no study.

use std::collections::BTreeMap;

use super::{cell::CellFacts, inputs::Inputs, key::KeyInputs, name::Stage};
use crate::experiment::Settings;

/// Inputs of a stage without photos. Another `label` gives another key.
pub(crate) fn inputs(stage: Stage, settings: &Settings, label: &str) -> Inputs {
    let (photos, train, held_out) = (&[][..], Vec::new(), Vec::new());
    let (masks, base_hash, device_class) = (&BTreeMap::new(), "base-hash", label);
    let cell = CellFacts { settings, base_hash, device_class, photos, masks, train, held_out };
    let keys = Stage::ALL.map(|stage| (stage, KeyInputs::new().key(stage))).into();
    Inputs::of(stage, &cell, &keys).unwrap_or_else(|| panic!("the settings do not ask for {stage}"))
}
