//! How a sampler's steps are spread over the training timesteps, by the names that diffusers uses.

use super::words::{Choice, written_as_word};

/// How the steps are spread (Lin et al. 2023, [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), table 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// As the model's scheduler configuration says, or the sampler's own way if it says nothing.
    #[default]
    Model,
    /// Multiples of a whole number, plus the model's offset: never reaches the last timestep.
    Leading,
    /// Counted down from the last timestep.
    Trailing,
    /// Evenly spread from the first to the last timestep.
    Linspace,
}

impl Choice for Spacing {
    const NOUN: &'static str = "timestep spacing";
    const ALL: &'static [(&'static str, Self)] = &[
        ("model", Self::Model),
        ("leading", Self::Leading),
        ("trailing", Self::Trailing),
        ("linspace", Self::Linspace),
    ];
}

written_as_word!(Spacing);
