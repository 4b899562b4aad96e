//! `unet/config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::file::ConfigFile;
use super::text_time::TextTimeConfig;
use crate::tensors::LoadError;
use crate::tensors::fields::OneOrMany;

/// The part of `unet/config.json` that shapes the network.
#[derive(Debug, Clone, PartialEq)]
pub struct UNetConfig {
    /// Width and height of the latents it was trained on, 64 for SD 1.x.
    pub sample_size: usize,
    /// Channels of the latents, 4.
    pub in_channels: usize,
    /// Channels of the prediction, 4.
    pub out_channels: usize,
    /// One entry per resolution, from the finest to the coarsest.
    pub blocks: Vec<UNetBlockConfig>,
    /// Whether up block `i` (coarsest first) has attention.
    pub up_attention: Vec<bool>,
    /// Width of the text encoder's output.
    pub cross_attention_dim: usize,
    /// Groups of every group norm.
    pub groups: usize,
    /// Epsilon of the residual blocks' group norms.
    pub norm_eps: f64,
    /// Cosine before sine in the timestep embedding.
    pub flip_sin_to_cos: bool,
    /// Shift of the timestep embedding's frequencies, 0 or 1.
    pub freq_shift: f64,
    /// SD 2: the transformers' first and last layers are linear, not 1×1 convolutions.
    pub use_linear_projection: bool,
    /// Compute attention in f32 whatever the activations' type.
    pub upcast_attention: bool,
    /// SDXL: what is embedded beside the time.
    pub text_time: Option<TextTimeConfig>,
}

/// One resolution of the UNet.
#[derive(Debug, Clone, PartialEq)]
pub struct UNetBlockConfig {
    /// Channels.
    pub channels: usize,
    /// Residual blocks on the way down; one more on the way up.
    pub layers: usize,
    /// Attention heads. The file calls it `attention_head_dim`, a misnomer that diffusers keeps:
    /// <https://github.com/huggingface/diffusers/issues/2011>.
    pub heads: usize,
    /// Transformer blocks after each residual block.
    pub transformer_layers: usize,
    /// Whether the down block has attention.
    pub attention: bool,
}

/// The keys that must be absent or null.
const NULL: [&str; 11] = [
    "class_embed_type",
    "num_class_embeds",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "time_embedding_dim",
    "time_embedding_act_fn",
    "timestep_post_act",
    "cross_attention_norm",
    "num_attention_heads",
    "quantization_config",
];

/// The keys that must be absent, null or false.
const FALSE: [&str; 7] = [
    "center_input_sample",
    "dual_cross_attention",
    "only_cross_attention",
    "mid_block_only_cross_attention",
    "resnet_skip_time_act",
    "class_embeddings_concat",
    "reverse_transformer_layers_per_block",
];

/// The keys that are read, or that change nothing while the keys above have their only allowed values.
const READ: [&str; 34] = [
    "sample_size",
    "in_channels",
    "out_channels",
    "block_out_channels",
    "down_block_types",
    "up_block_types",
    "layers_per_block",
    "attention_head_dim",
    "transformer_layers_per_block",
    "cross_attention_dim",
    "norm_num_groups",
    "norm_eps",
    "flip_sin_to_cos",
    "freq_shift",
    "use_linear_projection",
    "upcast_attention",
    "mid_block_type",
    "time_embedding_type",
    "resnet_time_scale_shift",
    "attention_type",
    "conv_in_kernel",
    "conv_out_kernel",
    "downsample_padding",
    "mid_block_scale_factor",
    "resnet_out_scale_factor",
    "dropout",
    "act_fn",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    // These belong to other class and addition embeddings, which are refused.
    "addition_embed_type_num_heads",
    "class_embeddings_input_dim",
    "dtype",
    "torch_dtype",
];

/// Every known key of a UNet's configuration. It is used or checked, or it changes no number here.
pub(crate) const KNOWN: [&[&str]; 3] = [&NULL, &FALSE, &READ];

impl UNetConfig {
    /// Reads `unet/config.json`.
    ///
    /// # Errors
    /// Names a key whose value is not implemented or out of range.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::read(path)?)
    }

    /// The same from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`UNetConfig::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::parse(path, text)?)
    }

    fn checked(file: &ConfigFile) -> Result<Self, LoadError> {
        file.only("_class_name", &[json!("UNet2DConditionModel")])?;
        file.all_null(&NULL)?;
        file.all_false(&FALSE)?;
        for (key, value) in [
            ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
            ("time_embedding_type", json!("positional")),
            ("resnet_time_scale_shift", json!("default")),
            ("attention_type", json!("default")),
            ("conv_in_kernel", json!(3)),
            ("conv_out_kernel", json!(3)),
            ("downsample_padding", json!(1)),
            ("mid_block_scale_factor", json!(1)),
            ("resnet_out_scale_factor", json!(1)),
            ("dropout", json!(0)),
        ] {
            file.only(key, &[value])?;
        }
        file.only("addition_embed_type", &[Value::Null, json!("text_time")])?;
        file.only("freq_shift", &[json!(0), json!(1)])?;
        file.only("act_fn", &[json!("silu"), json!("swish")])?;
        file.only("down_block_types", &[json!("CrossAttnDownBlock2D"), json!("DownBlock2D")])?;
        file.only("up_block_types", &[json!("CrossAttnUpBlock2D"), json!("UpBlock2D")])?;

        // The defaults are those of `UNet2DConditionModel`.
        let fields = &file.fields;
        let channels = file.good(fields.list("block_out_channels", &[320, 640, 1280, 1280]))?;
        let n = channels.len();
        let groups = file.good(fields.count("norm_num_groups", 32))?;
        file.channels(&channels, groups)?;
        let (plain, cross) = ("DownBlock2D", "CrossAttnDownBlock2D");
        let down = file.good(fields.texts("down_block_types", &[cross, cross, cross, plain]))?;
        let (plain, cross) = ("UpBlock2D", "CrossAttnUpBlock2D");
        let up = file.good(fields.texts("up_block_types", &[plain, cross, cross, cross]))?;
        if down.len() != n || up.len() != n {
            return Err(file.invalid(format!("`down_block_types` and `up_block_types` must have {n} entries each")));
        }
        if !channels[0].is_multiple_of(2) {
            return Err(file.invalid("the first width must be even, for the sines and cosines of the timestep"));
        }
        // diffusers allows null; the size of images is then up to the caller.
        let sample_size = match fields.some("sample_size") {
            None => 64,
            Some(_) => match file.good(fields.counts("sample_size", 64))? {
                OneOrMany::One(size) => size,
                OneOrMany::Many(sizes) => sizes.first().copied().unwrap_or(0),
            },
        };
        file.in_range("sample_size", sample_size, 1024)?;
        let (input, output) = (file.good(fields.count("in_channels", 4))?, file.good(fields.count("out_channels", 4))?);
        file.in_range("in_channels", input, 64)?;
        file.in_range("out_channels", output, 64)?;
        let per_block = |key: &str, default: usize| {
            file.good(fields.counts(key, default).and_then(|values| values.per_block(n, key)))
        };
        let layers = per_block("layers_per_block", 2)?;
        let heads = per_block("attention_head_dim", 8)?;
        let depth = per_block("transformer_layers_per_block", 1)?;
        let cross = per_block("cross_attention_dim", 1280)?;
        if cross.iter().any(|c| *c != cross[0]) {
            return Err(file.invalid("`cross_attention_dim` must be the same for every block"));
        }
        file.in_range("cross_attention_dim", cross[0], 1 << 14)?;
        let mut blocks = Vec::new();
        for i in 0..n {
            let channels = channels[i];
            file.in_range("layers_per_block", layers[i], 16)?;
            file.in_range("transformer_layers_per_block", depth[i], 32)?;
            file.in_range("attention_head_dim", heads[i], 1024)?;
            if !channels.is_multiple_of(heads[i]) {
                return Err(file.invalid(format!("{channels} channels cannot be split into {} heads", heads[i])));
            }
            blocks.push(UNetBlockConfig {
                channels,
                layers: layers[i],
                heads: heads[i],
                transformer_layers: depth[i],
                attention: down[i] == "CrossAttnDownBlock2D",
            });
        }
        Ok(Self {
            sample_size,
            in_channels: input,
            out_channels: output,
            blocks,
            up_attention: up.iter().map(|t| t == "CrossAttnUpBlock2D").collect(),
            cross_attention_dim: cross[0],
            groups,
            norm_eps: file.positive("norm_eps", 1e-5)?,
            flip_sin_to_cos: file.good(fields.flag("flip_sin_to_cos", true))?,
            freq_shift: file.good(fields.number("freq_shift", 0.0))?,
            use_linear_projection: file.good(fields.flag("use_linear_projection", false))?,
            // SDXL's file has null.
            upcast_attention: fields.some("upcast_attention").is_some()
                && file.good(fields.flag("upcast_attention", false))?,
            text_time: TextTimeConfig::of(file)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<UNetConfig, LoadError> {
        UNetConfig::parse(Path::new("unet/config.json"), text)
    }

    #[test]
    fn sd1_and_sd2() {
        let sd1 = parse(r#"{"cross_attention_dim": 768, "sample_size": 64, "some_new_key": {"x": 1}}"#).unwrap();
        assert_eq!(sd1.blocks.iter().map(|b| b.heads).collect::<Vec<_>>(), [8; 4]);
        assert_eq!(sd1.up_attention, [false, true, true, true]);
        let sd2 = parse(
            r#"{"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": true,
                "dual_cross_attention": false, "only_cross_attention": false, "num_class_embeds": null}"#,
        )
        .unwrap();
        assert_eq!(sd2.blocks.iter().map(|b| b.channels / b.heads).collect::<Vec<_>>(), [64; 4]);
    }

    #[test]
    fn a_size_of_null_is_the_usual_one() {
        assert_eq!(parse(r#"{"sample_size": null}"#).unwrap().sample_size, 64);
        assert_eq!(parse(r#"{"sample_size": [96, 64]}"#).unwrap().sample_size, 96);
    }

    #[test]
    fn refusals_name_the_key() {
        for (text, key) in [
            (r#"{"class_embed_type": "timestep"}"#, "class_embed_type"),
            (r#"{"addition_embed_type": "text_image"}"#, "addition_embed_type"),
            (r#"{"addition_embed_type": "text_time"}"#, "addition_time_embed_dim"),
            (r#"{"dual_cross_attention": true}"#, "dual_cross_attention"),
            (r#"{"only_cross_attention": [false, true, false, false]}"#, "only_cross_attention"),
            (r#"{"resnet_time_scale_shift": "scale_shift"}"#, "resnet_time_scale_shift"),
            (r#"{"act_fn": "gelu"}"#, "act_fn"),
            (r#"{"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}"#, "mid_block_type"),
            (r#"{"down_block_types": ["SimpleCrossAttnDownBlock2D"]}"#, "down_block_types"),
            (r#"{"mid_block_scale_factor": 1.4}"#, "mid_block_scale_factor"),
            (r#"{"norm_num_groups": 33}"#, "33 norm groups"),
            (r#"{"norm_num_groups": 0}"#, "norm_num_groups"),
            (r#"{"attention_head_dim": [8, 8]}"#, "attention_head_dim"),
            (r#"{"attention_head_dim": 0}"#, "attention_head_dim"),
            (r#"{"attention_head_dim": 7}"#, "7 heads"),
            (r#"{"layers_per_block": 1000000}"#, "layers_per_block"),
            (r#"{"block_out_channels": []}"#, "block_out_channels"),
            (r#"{"block_out_channels": [99999999999]}"#, "block_out_channels"),
            (r#"{"in_channels": -4}"#, "in_channels"),
            (r#"{"sample_size": "64"}"#, "sample_size"),
            (r#"{"layers_per_block": null}"#, "layers_per_block"),
            (r#"{"cross_attention_dim": [768, null]}"#, "cross_attention_dim"),
            (r#"{"norm_num_groups": null}"#, "norm_num_groups"),
            (r#"{"mid_block_type": null}"#, "mid_block_type"),
            (r#"{"norm_eps": 0}"#, "norm_eps"),
            (r#"{"up_block_types": [1, 2]}"#, "up_block_types"),
            (r#"{"quantization_config": {"load_in_4bit": true}}"#, "quantization_config"),
            (r#"{"time_cond_proj_dim": 256}"#, "time_cond_proj_dim"),
            ("[1]", "unet/config.json"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains("unet/config.json"), "{text}: {message}");
        }
    }
}
