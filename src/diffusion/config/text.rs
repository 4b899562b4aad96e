use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::ConfigFile;
use crate::diffusion::LoadError;

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
}

/// Activation of CLIP's feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, OpenAI's CLIP (SD 1).
    QuickGelu,
    /// `x · Φ(x)` by the error function, OpenCLIP (SD 2).
    Gelu,
}

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    layer_norm_eps: f64,
    hidden_act: Activation,
}

/// The defaults of `CLIPTextConfig`.
impl Default for Raw {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            layer_norm_eps: 1e-5,
            hidden_act: Activation::QuickGelu,
        }
    }
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

    fn checked(file: &ConfigFile) -> Result<Self, LoadError> {
        file.only("model_type", &[json!("clip_text_model")])?;
        file.only("hidden_act", &[json!("quick_gelu"), json!("gelu")])?;
        let raw: Raw = file.typed()?;
        file.in_range("vocab_size", raw.vocab_size, 1 << 20)?;
        file.in_range("hidden_size", raw.hidden_size, 1 << 14)?;
        file.in_range("intermediate_size", raw.intermediate_size, 1 << 16)?;
        file.in_range("num_hidden_layers", raw.num_hidden_layers, 128)?;
        file.in_range("num_attention_heads", raw.num_attention_heads, 1024)?;
        file.in_range("max_position_embeddings", raw.max_position_embeddings, 4096)?;
        if !raw.hidden_size.is_multiple_of(raw.num_attention_heads) {
            let (width, heads) = (raw.hidden_size, raw.num_attention_heads);
            return Err(file.invalid(format!("{width} channels cannot be split into {heads} heads")));
        }
        Ok(Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            positions: raw.max_position_embeddings,
            layer_norm_eps: raw.layer_norm_eps,
            activation: raw.hidden_act,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sd2_and_refusals() {
        let path = Path::new("text_encoder/config.json");
        let sd2 = r#"{"hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096, "model_type": "clip_text_model",
            "num_attention_heads": 16, "num_hidden_layers": 23, "vocab_size": 49408, "architectures": ["CLIPTextModel"]}"#;
        let config = TextConfig::parse(path, sd2).unwrap();
        assert_eq!((config.layers, config.activation, config.positions), (23, Activation::Gelu, 77));
        for (from, to, key) in [
            ("\"gelu\"", "\"relu\"", "hidden_act"),
            ("\"clip_text_model\"", "\"t5\"", "model_type"),
            ("16", "15", "15 heads"),
            ("23", "0", "num_hidden_layers"),
        ] {
            let message = TextConfig::parse(path, &sd2.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
