//! What several families of Stable Diffusion share: the files of a model's folder, the VAE, and the names in one-file
//! checkpoints.

use super::family::{Names, SinglePart, UsualSampler};
use super::prompts::{PromptRules, TextStates};
use crate::choice::Sampler;
use crate::tensors::{ModelFolder, ModelPart};

/// The UNet in a diffusers folder.
pub(super) const UNET: ModelPart =
    ModelPart { folder: "unet", stem: "diffusion_pytorch_model", class: "UNet2DConditionModel", tokenizer: None };

/// The VAE in a diffusers folder.
pub(super) const VAE: ModelPart =
    ModelPart { folder: "vae", stem: "diffusion_pytorch_model", class: "AutoencoderKL", tokenizer: None };

/// The only or the first text encoder in a diffusers folder.
pub(super) const TEXT_ENCODER: ModelPart =
    ModelPart { folder: "text_encoder", stem: "model", class: "CLIPTextModel", tokenizer: Some("tokenizer") };

/// The files of a diffusers folder of Stable Diffusion 1 and 2.
pub(super) const FOLDER: ModelFolder = ModelFolder {
    pipelines: &["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"],
    shared: &[ModelFolder::INDEX, ModelFolder::SCHEDULER],
    parts: &[UNET, VAE, TEXT_ENCODER],
    tokenizer: &["vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"],
    optional: &[],
};

/// Its text encoder alone.
pub(super) const TEXT_ENCODERS: ModelFolder = ModelFolder { shared: &[], parts: &[TEXT_ENCODER], ..FOLDER };

/// What prompts become.
pub(super) const PROMPTS: PromptRules = PromptRules { states: TextStates::Last, zeros_if_empty: false };

/// What draws images: their schedulers are of 2022, and this one needs half the steps.
pub(super) const SAMPLER: UsualSampler = UsualSampler::Always(Sampler::DpmPp2m);

/// A UNet of this configuration in a one-file checkpoint.
pub(super) const fn unet(config: &'static str) -> SinglePart {
    SinglePart { config, prefix: "model.diffusion_model.", names: Names::LdmUNet, padding: None }
}

/// A VAE of this configuration in a one-file checkpoint.
pub(super) const fn vae(config: &'static str) -> SinglePart {
    SinglePart { config, prefix: "first_stage_model.", names: Names::LdmVae, padding: None }
}

/// CLIP ViT-L/14's text encoder in a one-file checkpoint.
pub(super) const fn clip_l(prefix: &'static str) -> SinglePart {
    let config = r#"{
        "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "max_position_embeddings": 77, "hidden_act": "quick_gelu"
    }"#;
    SinglePart { config, prefix, names: Names::HuggingFace, padding: Some("<|endoftext|>") }
}

/// A text encoder of OpenCLIP, whose prompts are filled up with the token 0, in a one-file checkpoint.
pub(super) const fn open_clip(config: &'static str, prefix: &'static str) -> SinglePart {
    SinglePart { config, prefix, names: Names::OpenClip, padding: Some("!") }
}

/// The VAE of Stable Diffusion 1 and 2 in a one-file checkpoint; of its configuration the keys that matter.
pub(super) const SINGLE_VAE: SinglePart = vae(r#"{
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.18215
}"#);
