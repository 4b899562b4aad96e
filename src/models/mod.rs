//! The models: text and image encoders, denoisers, autoencoders, their configurations, and the families they belong to.
//!
//! Models return `candle_core::Result`; loading returns [`LoadError`](crate::tensors::LoadError), which names the file
//! and the tensors or keys at fault.

pub mod about;
pub mod adaptable;
mod adaptable_conv;
mod adaptable_linear;
pub mod at_once;
mod block;
pub mod conditioning;
pub mod config;
pub mod delta;
pub mod denoiser;
pub mod elsewhere;
mod emphasis;
pub mod families;
pub mod finite_vae;
mod fit;
mod frozen;
pub mod gradients;
pub mod layers;
pub mod lora_set;
pub mod memory;
pub mod model;
pub mod network;
pub mod on_demand;
mod open;
pub mod overflow;
pub mod part;
pub mod parts;
pub mod prompt_encoder;
mod recompute;
pub mod resnet;
pub mod single_file;
mod steps;
pub mod storage;
pub mod summary;
pub mod text_encoder;
pub mod tokenizer;
mod trace;
mod trained_text;
pub mod unet;
pub mod vae;
pub mod vision;

pub use adaptable::{AdaptableLayer, Role, Tokens};
pub use conditioning::{Conditioning, ImageSizes};
pub use delta::Delta;
pub use denoiser::Denoiser;
pub use elsewhere::Elsewhere;
pub use finite_vae::FiniteVae;
pub use gradients::{ConditionGradients, LossAndGradients, Recompute};
pub use lora_set::LoraSet;
pub use model::Model;
pub use network::Network;
pub use on_demand::OnDemand;
pub use part::Part;
pub use parts::Parts;
pub use prompt_encoder::{PromptEncoder, TextEncoder, TextOutput};
pub use summary::ModelSummary;
pub use text_encoder::ClipTextModel;
pub use tokenizer::{Chunk, Reading, Tokenizer};
pub use trained_text::TrainedText;
pub use unet::UNet2DConditionModel;
pub use vae::AutoencoderKl;
