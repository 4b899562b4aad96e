//! The shapes of the learning rate.

use super::words::{Choice, written_as_word};

/// Shape of the learning rate over the optimizer steps, as in `diffusers.optimization.get_scheduler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrScheduler {
    /// The same at every step.
    Constant,
    /// The same at every step after a linear rise.
    ConstantWithWarmup,
    /// A linear rise, then a linear fall to 0.
    Linear,
    /// A linear rise, then half a cosine wave down to 0.
    Cosine,
    /// A linear rise, then several half waves, each from the peak to 0.
    CosineWithRestarts,
    /// A linear rise, then a fall to 0 by a power of the steps that remain.
    Polynomial,
}

impl Choice for LrScheduler {
    const NOUN: &'static str = "learning rate scheduler";
    const ALL: &'static [(&'static str, Self)] = &[
        ("constant", Self::Constant),
        ("constant-with-warmup", Self::ConstantWithWarmup),
        ("linear", Self::Linear),
        ("cosine", Self::Cosine),
        ("cosine-with-restarts", Self::CosineWithRestarts),
        ("polynomial", Self::Polynomial),
    ];
}

written_as_word!(LrScheduler);
