//! Stable Diffusion XL, its base model and what was trained from it: the text encoders of CLIP ViT-L/14 and OpenCLIP
//! ViT-bigG/14, whose tokens stand side by side.

use super::family::{FamilyData, Label, SingleFile, UsualSampler};
use super::prompts::{PromptRules, TextStates};
use super::stable_diffusion;
use crate::choice::Sampler;
use crate::tensors::{ModelFolder, ModelPart};

/// The family.
pub(super) const DATA: FamilyData = FamilyData {
    name: "Stable Diffusion XL",
    context: 2048,
    folder: &FOLDER,
    prompts: PromptRules { states: TextStates::Penultimate, zeros_if_empty: true },
    // `EulerDiscrete` of the base model, `EulerAncestralDiscrete` of SDXL-Turbo.
    sampler: UsualSampler::OfScheduler(Sampler::Euler),
    single_file: SingleFile {
        parts: &[
            stable_diffusion::unet(UNET),
            stable_diffusion::vae(VAE),
            stable_diffusion::clip_l("conditioner.embedders.0.transformer."),
            stable_diffusion::open_clip(TEXT_2, "conditioner.embedders.1.model."),
        ],
        may_predict_v: false,
        sample_size_v: 128,
        spacing: Some("leading"),
        vae: "madebyollin/sdxl-vae-fp16-fix",
        text_encoders: "stabilityai/stable-diffusion-xl-base-1.0",
    },
    label: Label {
        words: &["sdxl", "stable-diffusion-xl"],
        version: "sdxl_base_v1-0",
        version_v: "sdxl_base_v1-0",
        v2: false,
        architecture: "stable-diffusion-xl-v1-base/lora",
        architecture_v: "stable-diffusion-xl-v1-base/lora",
    },
};

/// The files of a diffusers folder.
const FOLDER: ModelFolder = ModelFolder {
    pipelines: &["StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"],
    shared: &[ModelFolder::INDEX, ModelFolder::SCHEDULER],
    parts: &[stable_diffusion::UNET, stable_diffusion::VAE, stable_diffusion::TEXT_ENCODER, TEXT_ENCODER_2],
    ..stable_diffusion::FOLDER
};

/// The second text encoder in a diffusers folder.
const TEXT_ENCODER_2: ModelPart = ModelPart {
    folder: "text_encoder_2",
    stem: "model",
    class: "CLIPTextModelWithProjection",
    tokenizer: Some("tokenizer_2"),
};

/// Its text encoders alone.
pub(super) const TEXT_ENCODERS: ModelFolder =
    ModelFolder { shared: &[], parts: &[stable_diffusion::TEXT_ENCODER, TEXT_ENCODER_2], ..stable_diffusion::FOLDER };

/// `unet/config.json` of stable-diffusion-xl-base-1.0, the keys that matter.
const UNET: &str = r#"{
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280], "layers_per_block": 2,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10], "cross_attention_dim": 2048,
    "norm_num_groups": 32, "norm_eps": 1e-5, "use_linear_projection": true, "sample_size": 128,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816
}"#;

/// `vae/config.json` of stable-diffusion-xl-base-1.0, the keys that matter.
const VAE: &str = r#"{
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.13025
}"#;

/// OpenCLIP ViT-bigG/14's text encoder.
const TEXT_2: &str = r#"{
    "vocab_size": 49408, "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
    "num_attention_heads": 20, "max_position_embeddings": 77, "hidden_act": "gelu", "projection_dim": 1280,
    "eos_token_id": 2
}"#;
