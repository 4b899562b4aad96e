//! `metrics.json`: the measured numbers of a cell, written by the stage `evaluate` and read by the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name of the file inside the artifact.
pub const FILE: &str = "metrics.json";

/// Version of the format. A reader refuses other versions.
pub const VERSION: u32 = 1;

/// Finite numbers by the name of their measure. A measure that is not defined here has no entry.
pub type Values = BTreeMap<String, f64>;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// [`VERSION`] of the program that wrote the file.
    pub version: u32,
    /// One entry per generated image, in the order of `images.json`.
    pub images: Vec<ImageValues>,
    /// The numbers of the cell as a whole.
    pub summary: Values,
}

/// The numbers of one generated image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageValues {
    /// Path inside the `generate` artifact.
    pub file: String,
    /// Its numbers.
    pub values: Values,
}
