//! What a stage says about itself.

use super::{key::KeyInputs, name::Stage};

/// What a stage says about itself; each stage's file has one.
#[derive(Debug)]
pub struct About {
    /// Raised by hand when the result changes for the same inputs: a fixed bug, another algorithm, new files.
    pub version: u32,
    /// What its work is called in reports, e.g. `the training`.
    pub noun: &'static str,
    /// What has happened when a later stage finds another key of this one, e.g. `trained again`.
    pub made_again: &'static str,
    /// The stages whose artifacts it reads, where the cell has them.
    pub needs: &'static [Stage],
    /// What its time grows with, in arbitrary units. Stored inputs can be those of another version: then `None`.
    pub work: fn(&KeyInputs) -> Option<f64>,
    /// What the size of its files grows with, in arbitrary units.
    pub written: fn(&KeyInputs) -> Option<f64>,
}
