//! The diffusion models: Stable Diffusion's text encoder, UNet and VAE, and what surrounds them.
//!
//! This module knows candle and `kernels` only: no TOML, no paths except loading weights, no
//! progress bars, no global random numbers. Models return `candle_core::Result`; loading returns
//! [`LoadError`], which names the file and the tensors or keys at fault.

mod error;
pub mod lora;
pub mod noise;
pub mod samplers;
pub mod schedule;

pub use error::{LoadError, TensorProblems};
