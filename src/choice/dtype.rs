//! How frozen weights are stored.

use super::words::{Choice, written_as_word};

/// Storage type of the frozen weights; adapter and optimizer stay f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// 16 bits with the range of f32.
    Bf16,
    /// 16 bits with more digits and a smaller range.
    F16,
    /// 8-bit integers with a factor for each output channel, in the fully connected layers of the denoiser; bf16
    /// elsewhere.
    Int8,
}

impl Choice for Dtype {
    const NOUN: &'static str = "number format";
    const ALL: &'static [(&'static str, Self)] =
        &[("f32", Self::F32), ("bf16", Self::Bf16), ("f16", Self::F16), ("int8", Self::Int8)];
}

written_as_word!(Dtype);
