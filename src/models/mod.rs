//! The models: text encoders, denoisers, autoencoders, their configurations, and the families they belong to.
//!
//! Models return `candle_core::Result`; loading returns [`LoadError`](crate::tensors::LoadError), which names the file
//! and the tensors or keys at fault.

pub mod adaptable;
pub mod at_once;
pub mod conditioning;
pub mod config;
pub mod delta;
pub mod denoiser;
pub mod families;
pub mod gradients;
pub mod layers;
pub mod lora_set;
pub mod model;
pub mod on_demand;
mod open;
pub mod overflow;
pub mod parts;
pub mod resnet;
pub mod single_file;
pub mod text_encoder;
pub mod tokenizer;
pub mod unet;
pub mod vae;

pub use adaptable::{AdaptableLayer, Tokens};
pub use conditioning::Conditioning;
pub use delta::Delta;
pub use denoiser::Denoiser;
pub use gradients::{LossAndGradients, Recompute};
pub use lora_set::LoraSet;
pub use model::Model;
pub use on_demand::OnDemand;
pub use parts::{ModelSummary, Parts};
pub use text_encoder::ClipTextModel;
pub use tokenizer::{Reading, Tokenizer};
pub use unet::UNet2DConditionModel;
pub use vae::AutoencoderKl;
