//! Which layers of a network an adapter changes.

use super::words::{Choice, written_as_word};

/// Which layers of a network an adapter changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Targets {
    /// Queries, keys, values and the projection behind them, of every attention: what diffusers' scripts train.
    #[default]
    Attention,
    /// These, and the two linear layers behind every attention.
    AttentionFeedForward,
    /// Every layer that an adapter can change: also the projections around the transformers, and the convolutions.
    All,
}

impl Choice for Targets {
    const NOUN: &'static str = "targets";
    const ALL: &'static [(&'static str, Self)] =
        &[("attention", Self::Attention), ("attention-ff", Self::AttentionFeedForward), ("all", Self::All)];
}

written_as_word!(Targets);

impl Targets {
    /// Whether they are those that stored results do not name: once there were no others.
    #[must_use]
    pub fn is_attention(&self) -> bool {
        *self == Self::Attention
    }
}
