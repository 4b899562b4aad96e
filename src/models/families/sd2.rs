//! Stable Diffusion 2.x: OpenCLIP ViT-H/14 as text encoder.

use super::family::{FamilyData, Label, SingleFile};
use super::stable_diffusion::{self, FOLDER, PROMPTS, SAMPLER, SINGLE_VAE};

/// The family.
pub(super) const DATA: FamilyData = FamilyData {
    name: "Stable Diffusion 2.x",
    context: 1024,
    folder: &FOLDER,
    prompts: PROMPTS,
    sampler: SAMPLER,
    single_file: SingleFile {
        parts: &[
            stable_diffusion::unet(UNET),
            SINGLE_VAE,
            stable_diffusion::open_clip(TEXT, "cond_stage_model.model."),
        ],
        may_predict_v: true,
        sample_size_v: 96,
        spacing: None,
        vae: "stabilityai/sd-vae-ft-mse",
        text_encoders: "stabilityai/stable-diffusion-2-1",
    },
    label: Label {
        words: &["sd_v2", "stable-diffusion-v2"],
        version: "sd_v2",
        version_v: "sd_v2_v",
        v2: true,
        architecture: "stable-diffusion-v2-512/lora",
        architecture_v: "stable-diffusion-v2-768-v/lora",
    },
};

/// `unet/config.json` of stable-diffusion-2-1, the keys that matter.
const UNET: &str = r#"{
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "norm_num_groups": 32, "norm_eps": 1e-5,
    "use_linear_projection": true, "upcast_attention": true, "sample_size": 64
}"#;

/// OpenCLIP ViT-H/14's text encoder without its last layer, which Stable Diffusion 2 does not use.
const TEXT: &str = r#"{
    "vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
    "num_attention_heads": 16, "max_position_embeddings": 77, "hidden_act": "gelu"
}"#;
