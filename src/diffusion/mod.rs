//! The diffusion models: Stable Diffusion's text encoder, UNet and VAE, and what surrounds them.
//!
//! This module knows candle, `hashing` and `kernels` only: no TOML, no paths except loading weights, no
//! progress bars, no global random numbers. Models return `candle_core::Result`; loading returns
//! [`LoadError`], which names the file and the tensors or keys at fault.

mod at_once;
pub mod config;
mod error;
mod fields;
pub mod hub;
mod layers;
mod looks;
pub mod lora;
pub mod model;
pub mod noise;
mod on_demand;
pub mod optimizer;
mod overflow;
pub mod pipeline;
mod resnet;
pub mod samplers;
pub mod schedule;
pub mod single_file;
pub mod tensor_file;
pub mod text_encoder;
mod texts;
pub mod tokenizer;
pub mod training;
pub mod unet;
mod unique_names;
pub mod vae;
pub mod weights;

pub use error::{LoadError, TensorProblems};
pub use model::{ModelSummary, Parts, StableDiffusion};
pub use on_demand::OnDemand;
pub use text_encoder::ClipTextModel;
pub use tokenizer::{Reading, Tokenizer};
pub use unet::UNet2DConditionModel;
pub use vae::AutoencoderKl;
pub use weights::Weights;
