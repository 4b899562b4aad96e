//! What Stable Diffusion 1 and 2 share: the files of a model's folder, the VAE, and the names in one-file checkpoints.

use super::family::{Names, SinglePart};
use crate::tensors::{ModelFolder, ModelPart};

/// The files of a diffusers folder.
pub(super) const FOLDER: ModelFolder = ModelFolder {
    pipelines: &["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"],
    shared: &[ModelFolder::INDEX, ModelFolder::SCHEDULER],
    parts: &[
        ModelPart { folder: "unet", stem: "diffusion_pytorch_model", class: "UNet2DConditionModel", tokenizer: None },
        ModelPart { folder: "vae", stem: "diffusion_pytorch_model", class: "AutoencoderKL", tokenizer: None },
        ModelPart { folder: "text_encoder", stem: "model", class: "CLIPTextModel", tokenizer: Some("tokenizer") },
    ],
    tokenizer: &["vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"],
    optional: &[],
};

/// A UNet of this configuration in a one-file checkpoint.
pub(super) const fn unet(config: &'static str) -> SinglePart {
    SinglePart { config, prefix: "model.diffusion_model.", names: Names::LdmUNet }
}

/// The VAE in a one-file checkpoint; of its configuration the keys that matter.
pub(super) const VAE: SinglePart = SinglePart {
    config: r#"{
        "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.18215
    }"#,
    prefix: "first_stage_model.",
    names: Names::LdmVae,
};
