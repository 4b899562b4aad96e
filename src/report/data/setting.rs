//! Settings as text.

use serde::{Deserialize, Serialize};

/// One swept setting with its values in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The setting's dotted name, e.g. `dataset.size`.
    pub key: String,
    /// Its values as text, in file order.
    pub values: Vec<String>,
}

/// A setting or fact with its value as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Dotted name.
    pub key: String,
    /// Value as text.
    pub value: String,
}
