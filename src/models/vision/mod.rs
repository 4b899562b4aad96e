//! Image encoders: pictures, and for CLIP texts, to features whose cosine says how alike they are.
//!
//! CLIP, DINO, and DINOv2 with and without registers, from folders that transformers' `save_pretrained` writes.
//! `docs/encoders.md` says what is supported. Features are those of transformers 5.23 with PIL;
//! `tests/parity_vision.rs` compares them.

mod config;
mod encoder;
mod info;
mod kind;
mod memory;
mod parts;
mod positions;
mod preprocessing;
mod processor;
#[cfg(test)]
mod tests;
mod text;
mod transformer;

use std::path::{Path, PathBuf};

use crate::tensors::LoadError;

pub use encoder::Encoder;
pub use info::EncoderInfo;
pub use kind::EncoderKind;
pub use parts::{EncoderParts, VERSION};

/// What a folder holds, from its configurations and the headers of its weights. Loads no weights.
///
/// # Errors
/// Names the file at fault, what was expected and what to do.
pub fn check(folder: &Path) -> Result<EncoderInfo, LoadError> {
    EncoderParts::open(folder)?.check()
}

/// The files of a folder that features depend on: configurations and vocabulary, then weights.
///
/// # Errors
/// As [`check`], but weights are not compared with the configuration.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    Ok(EncoderParts::open(folder)?.files())
}
