//! What keeps the class from turning into the subject.

use super::words::{Choice, written_as_word};

/// What keeps the class from turning into the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriorKind {
    /// Images of the class that the base model made, which are trained on beside the photos.
    #[default]
    Images,
    /// What the base model predicts for the photos themselves with a prompt for the class.
    Output,
}

impl Choice for PriorKind {
    const NOUN: &'static str = "kind of prior preservation";
    const ALL: &'static [(&'static str, Self)] = &[("images", Self::Images), ("output", Self::Output)];
}

written_as_word!(PriorKind);

impl PriorKind {
    /// Whether it is the one that stored results do not name: once there was no other.
    #[must_use]
    pub fn is_images(&self) -> bool {
        *self == Self::Images
    }
}
