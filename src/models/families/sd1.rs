//! Stable Diffusion 1.x: CLIP ViT-L/14 as text encoder.

use super::family::{FamilyData, Label, SingleFile};
use super::stable_diffusion::{self, FOLDER, PROMPTS, SAMPLER, SINGLE_VAE};

/// The family.
pub(super) const DATA: FamilyData = FamilyData {
    name: "Stable Diffusion 1.x",
    context: 768,
    folder: &FOLDER,
    prompts: PROMPTS,
    sampler: SAMPLER,
    single_file: SingleFile {
        parts: &[stable_diffusion::unet(UNET), SINGLE_VAE, stable_diffusion::clip_l("cond_stage_model.transformer.")],
        may_predict_v: false,
        sample_size_v: 64,
        spacing: None,
        vae: "stabilityai/sd-vae-ft-mse",
        text_encoders: "stable-diffusion-v1-5/stable-diffusion-v1-5",
    },
    label: Label {
        words: &["sd_v1", "stable-diffusion-v1"],
        version: "sd_v1",
        version_v: "sd_v1_v",
        v2: false,
        architecture: "stable-diffusion-v1/lora",
        architecture_v: "stable-diffusion-v1/lora",
    },
};

/// `unet/config.json` of stable-diffusion-v1-5, the keys that matter.
const UNET: &str = r#"{
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 8, "cross_attention_dim": 768, "norm_num_groups": 32, "norm_eps": 1e-5,
    "sample_size": 64
}"#;
