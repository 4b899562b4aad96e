//! What a person answered who compared two images without knowing which is which.

use serde::{Deserialize, Serialize};

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The image that was shown at the left.
    pub left: Voted,
    /// The image that was shown at the right.
    pub right: Voted,
    /// Position of the prompt of both.
    pub prompt_index: usize,
    /// Seed of the noise of both.
    pub seed: u64,
    /// Which one was preferred.
    pub choice: Choice,
}

/// An image that was voted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voted {
    /// The label of its cell; [`BASE_MODEL`] for the base model.
    pub cell: String,
    /// The first [`HASH_DIGITS`] digits of the BLAKE3 hash of the file: a vote is about this very image.
    pub hash: String,
}

/// What stands in place of a cell's label for the base model.
pub const BASE_MODEL: &str = "(base model)";

/// So many digits of a hash tell images apart.
pub const HASH_DIGITS: usize = 12;

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// The left image.
    Left,
    /// The right image.
    Right,
    /// None is better.
    Equal,
}

impl Choice {
    /// Every answer with its word in `votes.csv`.
    pub const ALL: [(&'static str, Self); 3] = [("left", Self::Left), ("right", Self::Right), ("equal", Self::Equal)];

    /// The answer of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(own, _)| *own == word).map(|(_, choice)| choice)
    }

    /// Its word in `votes.csv`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Equal => "equal",
        }
    }
}
