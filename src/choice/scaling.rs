//! How the strength of an adapter depends on its rank.

use super::words::{Choice, written_as_word};

/// How the strength of an adapter depends on its rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// `alpha / rank`.
    #[default]
    Standard,
    /// `alpha / √rank`: rank-stabilised ([Kalajdzievski 2023](https://arxiv.org/abs/2312.03732)).
    RsLora,
}

impl Choice for Scaling {
    const NOUN: &'static str = "scaling";
    const ALL: &'static [(&'static str, Self)] = &[("standard", Self::Standard), ("rslora", Self::RsLora)];
}

written_as_word!(Scaling);

impl Scaling {
    /// Whether it is the one that stored results do not name: once there was no other.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// The alpha that gives the same strength when it is divided by the rank.
    #[must_use]
    pub fn alpha(self, alpha: f64, rank: usize) -> f64 {
        match self {
            Self::Standard => alpha,
            Self::RsLora => alpha * (rank as f64).sqrt(),
        }
    }
}
