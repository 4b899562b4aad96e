//! Where the noise levels of a sampler's steps lie, by the names that people use.

use super::words::{Choice, written_as_word};

/// The noise levels σ of the steps, for the samplers that work on σ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sigmas {
    /// Those of the timesteps, as the spacing gives them.
    #[default]
    Model,
    /// Karras et al. 2022, [arXiv 2206.00364](https://arxiv.org/abs/2206.00364), eq. 5 with ρ = 7.
    Karras,
    /// Evenly spread in log σ.
    Exponential,
    /// Quantiles of the beta distribution with α = β = 0.6, [arXiv 2407.12173](https://arxiv.org/abs/2407.12173).
    Beta,
}

impl Choice for Sigmas {
    const NOUN: &'static str = "noise levels";
    const ALL: &'static [(&'static str, Self)] =
        &[("model", Self::Model), ("karras", Self::Karras), ("exponential", Self::Exponential), ("beta", Self::Beta)];
}

written_as_word!(Sigmas);
