//! The configurations that the files do not hold.

use std::path::Path;

use super::{Architecture, Family};
use crate::models::config::{TextConfig, UNetConfig, VaeConfig};
use crate::sampling::schedule::PredictionType;
use crate::tensors::LoadError;

/// `unet/config.json` of stable-diffusion-v1-5, the keys that matter.
const SD1_UNET: &str = r#"{
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 8, "cross_attention_dim": 768, "norm_num_groups": 32, "norm_eps": 1e-5
}"#;

/// `unet/config.json` of stable-diffusion-2-1.
const SD2_UNET: &str = r#"{
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "norm_num_groups": 32, "norm_eps": 1e-5,
    "use_linear_projection": true, "upcast_attention": true
}"#;

/// `vae/config.json` of both.
const VAE: &str = r#"{
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.18215
}"#;

/// CLIP ViT-L/14's text encoder.
const SD1_TEXT: &str = r#"{
    "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "max_position_embeddings": 77, "hidden_act": "quick_gelu"
}"#;

/// OpenCLIP ViT-H/14's text encoder without its last layer, which Stable Diffusion 2 does not use.
const SD2_TEXT: &str = r#"{
    "vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
    "num_attention_heads": 16, "max_position_embeddings": 77, "hidden_act": "gelu"
}"#;

/// The sizes of a family's only architecture; `file` is for messages.
pub(crate) fn architecture(file: &Path, family: Family) -> Result<Architecture, LoadError> {
    let (unet, text) = match family {
        Family::Sd1 => (SD1_UNET, SD1_TEXT),
        Family::Sd2 => (SD2_UNET, SD2_TEXT),
    };
    Ok(Architecture {
        family,
        unet: UNetConfig::parse(file, unet)?,
        vae: VaeConfig::parse(file, VAE)?,
        text_encoder: TextConfig::parse(file, text)?,
    })
}

/// `scheduler/scheduler_config.json` of both families.
pub(crate) fn scheduler(prediction: PredictionType) -> String {
    let prediction = match prediction {
        PredictionType::Epsilon => "epsilon",
        PredictionType::VPrediction => "v_prediction",
        PredictionType::Sample => "sample",
    };
    format!(
        r#"{{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
            "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": "{prediction}"}}"#
    )
}
