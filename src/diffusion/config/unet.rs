use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::{ConfigFile, OneOrMany};
use crate::diffusion::LoadError;

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

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    sample_size: OneOrMany<usize>,
    in_channels: usize,
    out_channels: usize,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    layers_per_block: OneOrMany<usize>,
    attention_head_dim: OneOrMany<usize>,
    transformer_layers_per_block: OneOrMany<usize>,
    cross_attention_dim: OneOrMany<usize>,
    norm_num_groups: usize,
    norm_eps: f64,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    use_linear_projection: bool,
    upcast_attention: bool,
}

impl Default for Raw {
    fn default() -> Self {
        let cross = "CrossAttnDownBlock2D".to_owned();
        let up = "CrossAttnUpBlock2D".to_owned();
        Self {
            sample_size: OneOrMany::One(64),
            in_channels: 4,
            out_channels: 4,
            block_out_channels: vec![320, 640, 1280, 1280],
            down_block_types: vec![cross.clone(), cross.clone(), cross, "DownBlock2D".to_owned()],
            up_block_types: vec!["UpBlock2D".to_owned(), up.clone(), up.clone(), up],
            layers_per_block: OneOrMany::One(2),
            attention_head_dim: OneOrMany::One(8),
            transformer_layers_per_block: OneOrMany::One(1),
            cross_attention_dim: OneOrMany::One(1280),
            norm_num_groups: 32,
            norm_eps: 1e-5,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            use_linear_projection: false,
            upcast_attention: false,
        }
    }
}

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
        file.all_null(&[
            "class_embed_type",
            "addition_embed_type",
            "num_class_embeds",
            "encoder_hid_dim",
            "encoder_hid_dim_type",
            "time_cond_proj_dim",
            "time_embedding_dim",
            "time_embedding_act_fn",
            "timestep_post_act",
            "cross_attention_norm",
            "num_attention_heads",
            "reverse_transformer_layers_per_block",
        ])?;
        file.all_false(&[
            "center_input_sample",
            "dual_cross_attention",
            "only_cross_attention",
            "mid_block_only_cross_attention",
            "resnet_skip_time_act",
            "class_embeddings_concat",
        ])?;
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
        file.only("act_fn", &[json!("silu"), json!("swish")])?;
        file.only("down_block_types", &[json!("CrossAttnDownBlock2D"), json!("DownBlock2D")])?;
        file.only("up_block_types", &[json!("CrossAttnUpBlock2D"), json!("UpBlock2D")])?;

        let raw: Raw = file.typed()?;
        let n = raw.block_out_channels.len();
        file.channels(&raw.block_out_channels, raw.norm_num_groups)?;
        if raw.down_block_types.len() != n || raw.up_block_types.len() != n {
            return Err(file.invalid(format!("`down_block_types` and `up_block_types` must have {n} entries each")));
        }
        if !raw.block_out_channels[0].is_multiple_of(2) {
            return Err(file.invalid("the first width must be even, for the sines and cosines of the timestep"));
        }
        let sample_size = match &raw.sample_size {
            OneOrMany::One(size) => *size,
            OneOrMany::Many(sizes) => sizes.first().copied().unwrap_or(0),
        };
        file.in_range("sample_size", sample_size, 1024)?;
        file.in_range("in_channels", raw.in_channels, 64)?;
        file.in_range("out_channels", raw.out_channels, 64)?;
        let layers = raw.layers_per_block.per_block(n, "layers_per_block", file)?;
        let heads = raw.attention_head_dim.per_block(n, "attention_head_dim", file)?;
        let depth = raw.transformer_layers_per_block.per_block(n, "transformer_layers_per_block", file)?;
        let cross = raw.cross_attention_dim.per_block(n, "cross_attention_dim", file)?;
        if cross.iter().any(|c| *c != cross[0]) {
            return Err(file.invalid("`cross_attention_dim` must be the same for every block"));
        }
        file.in_range("cross_attention_dim", cross[0], 1 << 14)?;
        let mut blocks = Vec::new();
        for i in 0..n {
            let channels = raw.block_out_channels[i];
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
                attention: raw.down_block_types[i] == "CrossAttnDownBlock2D",
            });
        }
        Ok(Self {
            sample_size,
            in_channels: raw.in_channels,
            out_channels: raw.out_channels,
            blocks,
            up_attention: raw.up_block_types.iter().map(|t| t == "CrossAttnUpBlock2D").collect(),
            cross_attention_dim: cross[0],
            groups: raw.norm_num_groups,
            norm_eps: raw.norm_eps,
            flip_sin_to_cos: raw.flip_sin_to_cos,
            freq_shift: raw.freq_shift,
            use_linear_projection: raw.use_linear_projection,
            upcast_attention: raw.upcast_attention,
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
    fn refusals_name_the_key() {
        for (text, key) in [
            (r#"{"class_embed_type": "timestep"}"#, "class_embed_type"),
            (r#"{"addition_embed_type": "text_time"}"#, "addition_embed_type"),
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
            (r#"{"in_channels": -4}"#, "unet/config.json"),
            ("[1]", "unet/config.json"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains("unet/config.json"), "{text}: {message}");
        }
    }
}
