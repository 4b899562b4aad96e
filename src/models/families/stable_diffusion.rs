//! What Stable Diffusion 1 and 2 share: the files of a model's folder, and the VAE.

use crate::tensors::{ModelFolder, WeightsPart};

/// The files of a diffusers folder.
pub const FOLDER: ModelFolder = ModelFolder {
    weights: &[
        WeightsPart { folder: "text_encoder", stem: "model" },
        WeightsPart { folder: "unet", stem: "diffusion_pytorch_model" },
        WeightsPart { folder: "vae", stem: "diffusion_pytorch_model" },
    ],
    configs: &[
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "unet/config.json",
        "vae/config.json",
    ],
    tokenizer: &["vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"],
    optional: &[],
};

/// The texts that results depend on, in the order in which they are hashed, behind the weights.
pub(crate) const HASHED_TEXTS: [&str; 10] = [
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer.json",
    "tokenizer/special_tokens_map.json",
    "tokenizer/added_tokens.json",
];

/// `vae/config.json` of both, the keys that matter.
pub(super) const VAE: &str = r#"{
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 2, "norm_num_groups": 32, "scaling_factor": 0.18215
}"#;
