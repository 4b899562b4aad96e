//! `text_encoder/config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::file::ConfigFile;
use crate::tensors::LoadError;

/// The part of `text_encoder/config.json` that shapes the network.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width of the embeddings.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Layers. Stable Diffusion 2's file already counts one less than OpenCLIP's.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Longest prompt in tokens, 77.
    pub positions: usize,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward layers.
    pub activation: Activation,
    /// The pooled output, for a network that has one.
    pub pooled: Option<PooledConfig>,
}

/// How a prompt becomes one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PooledConfig {
    /// Width of the projection.
    pub width: usize,
    /// The id of the token that ends a prompt; the vector is taken there. In files written before July 2023 it is 2,
    /// which is wrong: there the token with the largest id ends the prompt.
    pub end: usize,
}

impl PooledConfig {
    /// The position of the token that ends a prompt, by the rule of transformers' `CLIPTextModel`.
    #[must_use]
    pub fn end_of(self, ids: &[u32]) -> usize {
        if self.end == 2 {
            // The first of the largest ids.
            return (0..ids.len()).rev().max_by_key(|at| ids[*at]).unwrap_or(0);
        }
        ids.iter().position(|id| *id as usize == self.end).unwrap_or(0)
    }

    /// Whether a tokenizer whose ids of the empty prompt are `empty` ends prompts with another token; what it does, as
    /// the rest of a sentence.
    #[must_use]
    pub fn misfit(self, empty: &[u32]) -> Option<String> {
        let (ours, theirs) = (empty.get(1).copied().unwrap_or_default(), self.end);
        let fits = theirs == 2 || ours as usize == theirs;
        (!fits).then(|| format!("ends texts with the id {ours}, but `eos_token_id` is {theirs}"))
    }
}

/// Activation of CLIP's feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, OpenAI's CLIP (SD 1).
    QuickGelu,
    /// `x · Φ(x)` by the error function, OpenCLIP (SD 2).
    Gelu,
}

impl TextConfig {
    /// Reads `text_encoder/config.json`.
    ///
    /// # Errors
    /// Names a key whose value is not implemented or out of range.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::read(path)?)
    }

    /// The same from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`TextConfig::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::parse(path, text)?)
    }

    /// The same for a network with a projection, transformers' `CLIPTextModelWithProjection`.
    ///
    /// # Errors
    /// As [`TextConfig::read`].
    pub fn parse_with_projection(path: &Path, text: &str) -> Result<Self, LoadError> {
        let file = ConfigFile::parse(path, text)?;
        let width = file.good(file.fields.count("projection_dim", 512))?;
        Self::projecting(&file, width)
    }

    /// The same from a file that was parsed, with a projection to `width` numbers.
    pub(in crate::models) fn projecting(file: &ConfigFile, width: usize) -> Result<Self, LoadError> {
        file.in_range("projection_dim", width, 1 << 14)?;
        let end = file.good(file.fields.count("eos_token_id", 49407))?;
        Ok(Self { pooled: Some(PooledConfig { width, end }), ..Self::checked(file)? })
    }

    fn checked(file: &ConfigFile) -> Result<Self, LoadError> {
        file.only("model_type", &[json!("clip_text_model")])?;
        file.only("hidden_act", &[json!("quick_gelu"), json!("gelu")])?;
        file.only("quantization_config", &[Value::Null])?;
        // The defaults are those of `CLIPTextConfig`.
        let size = |key: &str, default: usize, most: usize| {
            let value = file.good(file.fields.count(key, default))?;
            file.in_range(key, value, most).map(|()| value)
        };
        let config = Self {
            vocab_size: size("vocab_size", 49408, 1 << 20)?,
            hidden_size: size("hidden_size", 512, 1 << 14)?,
            intermediate_size: size("intermediate_size", 2048, 1 << 16)?,
            layers: size("num_hidden_layers", 12, 128)?,
            heads: size("num_attention_heads", 8, 1024)?,
            positions: size("max_position_embeddings", 77, 4096)?,
            layer_norm_eps: file.positive("layer_norm_eps", 1e-5)?,
            activation: match file.good(file.fields.text("hidden_act"))?.as_deref() {
                Some("gelu") => Activation::Gelu,
                _ => Activation::QuickGelu,
            },
            pooled: None,
        };
        if !config.hidden_size.is_multiple_of(config.heads) {
            let (width, heads) = (config.hidden_size, config.heads);
            return Err(file.invalid(format!("{width} channels cannot be split into {heads} heads")));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_has_a_width_and_an_end() {
        let path = Path::new("text_encoder_2/config.json");
        let parse = |text| TextConfig::parse_with_projection(path, text);
        let pooled = |text| parse(text).unwrap().pooled.unwrap();
        assert_eq!(pooled("{}"), PooledConfig { width: 512, end: 49407 });
        assert_eq!(pooled(r#"{"projection_dim": 1280, "eos_token_id": 2}"#), PooledConfig { width: 1280, end: 2 });
        for (text, key) in [(r#"{"projection_dim": 0}"#, "projection_dim"), (r#"{"eos_token_id": -1}"#, "eos_token_id")]
        {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains("text_encoder_2/config.json"), "{message}");
        }
        assert_eq!(TextConfig::parse(path, r#"{"eos_token_id": null}"#).unwrap().pooled, None);
    }

    #[test]
    fn both_rules_find_the_first_end() {
        let end = |ids: &[u32], end| PooledConfig { width: 1, end }.end_of(ids);
        assert_eq!(end(&[5, 3, 9, 9, 9], 2), 2);
        assert_eq!(end(&[5, 3, 9, 8, 9], 9), 2);
        assert_eq!(end(&[5, 3, 9, 11, 9], 2), 3);
        assert_eq!(end(&[5, 3], 9), 0);
    }

    #[test]
    fn sd2_and_refusals() {
        let path = Path::new("text_encoder/config.json");
        let sd2 = r#"{"hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096,
            "model_type": "clip_text_model",
            "num_attention_heads": 16, "num_hidden_layers": 23, "vocab_size": 49408,
            "architectures": ["CLIPTextModel"]}"#;
        let config = TextConfig::parse(path, sd2).unwrap();
        assert_eq!((config.layers, config.activation, config.positions), (23, Activation::Gelu, 77));
        for (from, to, key) in [
            ("\"gelu\"", "\"relu\"", "hidden_act"),
            ("\"clip_text_model\"", "\"t5\"", "model_type"),
            ("16", "15", "15 heads"),
            ("23", "0", "num_hidden_layers"),
            ("23", "null", "num_hidden_layers"),
            ("\"gelu\"", "null", "hidden_act"),
            ("49408", "49408, \"layer_norm_eps\": -1", "layer_norm_eps"),
            ("49408", "49408, \"quantization_config\": {\"bits\": 4}", "quantization_config"),
        ] {
            let message = TextConfig::parse(path, &sd2.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
