//! How likeness was measured.

use serde::{Deserialize, Serialize};

use crate::choice::Purpose;

/// An image encoder of the study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderData {
    /// What the study calls it.
    pub name: String,
    /// What it is used for.
    pub purposes: Vec<Purpose>,
}

/// What the likeness of a cell rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// The encoder.
    pub encoder: String,
    /// The number of held-out photos that images are compared with.
    pub held_out: usize,
    /// Whether the encoder does not see the subject: its ceiling is not clearly above its floor. `None` if that cannot
    /// be told, because fewer than three photos are held out.
    pub blind: Option<bool>,
}
