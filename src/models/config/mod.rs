//! The JSON files beside the weights in a diffusers folder, and the refusal of what is not implemented.
//!
//! Known keys whose value would change the computation are checked by name against the values implemented here. Keys
//! that nobody knows are allowed, because every diffusers release adds some; the user is told of them (`unread`).
//! ModelSources: `register_to_config` of `UNet2DConditionModel` and `AutoencoderKL` (diffusers 0.42),
//! `CLIPTextConfig` (transformers 5.23).

mod file;
mod model_index;
pub mod scheduler;
mod text;
mod text_time;
mod unet;
mod vae;

pub(in crate::models) use file::ConfigFile;
pub(crate) use file::unread;
pub use model_index::check_model_index;
pub(crate) use model_index::{ModelIndex, model_index};
pub use text::{Activation, PooledConfig, TextConfig};
pub(in crate::models) use text_time::IMAGE_SIZES;
pub use text_time::TextTimeConfig;
pub(crate) use unet::KNOWN as UNET_KEYS;
pub use unet::UNetConfig;
pub(crate) use vae::KNOWN as VAE_KEYS;
pub use vae::{LatentScale, VaeConfig};
