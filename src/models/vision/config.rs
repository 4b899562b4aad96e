//! `config.json` of an image encoder.
//!
//! Defaults are those of transformers 5.23: `CLIPConfig`, `ViTConfig`, `Dinov2Config`, `Dinov2WithRegistersConfig`.

use std::path::Path;

use serde_json::json;

use super::kind::EncoderKind;
use crate::models::block::BlockSizes;
use crate::models::config::{Activation, ConfigFile, TextConfig};
use crate::tensors::LoadError;
use crate::tensors::fields::shown;

/// Most patches of one picture. The largest published encoders have 37 · 37.
pub(super) const MOST_PATCHES: usize = 1 << 14;

/// What shapes an encoder's networks.
#[derive(Clone, Debug)]
pub(crate) struct EncoderConfig {
    pub(crate) kind: EncoderKind,
    pub(crate) vision: VisionConfig,
    pub(crate) text: Option<TextConfig>,
}

/// What shapes the network for images.
#[derive(Clone, Debug)]
pub(crate) struct VisionConfig {
    pub(crate) block: BlockSizes,
    pub(crate) layers: usize,
    /// Height and width in pixels of the pictures that the positions were trained for.
    pub(crate) image_size: usize,
    /// Height and width of a patch in pixels.
    pub(crate) patch_size: usize,
    pub(crate) registers: usize,
    /// Width of the feature, if the first token is projected.
    pub(crate) projection: Option<usize>,
}

impl VisionConfig {
    /// Patches along one side of a picture that the positions were trained for.
    pub(crate) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Width of the feature.
    pub(crate) fn dim(&self) -> usize {
        self.projection.unwrap_or(self.block.width)
    }
}

impl EncoderConfig {
    /// Parses `config.json`; `path` is for messages.
    ///
    /// # Errors
    /// Names the model if it is no image encoder, and a key whose value is not supported or out of range.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, LoadError> {
        let file = ConfigFile::parse(path, text)?;
        let kind = file.good(file.fields.text("model_type"))?;
        match kind.as_deref() {
            Some("clip") => clip(path, &file),
            Some("clip_vision_model") => {
                let projection = file.good(file.fields.count("projection_dim", 512))?;
                let vision = clip_vision(&file, projection)?;
                Ok(Self { kind: EncoderKind::Clip, vision, text: None })
            }
            Some("vit") => Ok(Self { kind: EncoderKind::Dino, vision: vit(&file)?, text: None }),
            Some("dinov2") => Ok(Self { kind: EncoderKind::Dinov2, vision: dinov2(&file, 14, 0)?, text: None }),
            Some("dinov2_with_registers") => {
                let registers = file.good(file.fields.count("num_register_tokens", 4))?;
                if registers > 256 {
                    return Err(file.invalid(format!("`num_register_tokens` is {registers}, it must be at most 256")));
                }
                let vision = dinov2(&file, 16, registers)?;
                Ok(Self { kind: EncoderKind::Dinov2WithRegisters, vision, text: None })
            }
            _ => file.good(Err(file.fields.error(
                "model_type",
                "an image encoder here is \"clip\", \"clip_vision_model\", \"vit\" (DINO), \"dinov2\" or \
                 \"dinov2_with_registers\"",
            ))),
        }
    }
}

/// A part of CLIP's configuration. As in transformers, `<key>_dict` of old files replaces `<key>`.
fn part<'a>(path: &'a Path, file: &ConfigFile, key: &str) -> Result<ConfigFile<'a>, LoadError> {
    let old = format!("{key}_dict");
    let value = file.fields.some(&old).or_else(|| file.fields.some(key)).cloned().unwrap_or(json!({}));
    if !value.is_object() {
        return Err(file.invalid(format!("`{key}` is {}, expected an object in braces", shown(&value))));
    }
    ConfigFile::parse(path, &value.to_string())
}

fn clip(path: &Path, file: &ConfigFile) -> Result<EncoderConfig, LoadError> {
    let projection = file.good(file.fields.count("projection_dim", 512))?;
    let vision = clip_vision(&part(path, file, "vision_config")?, projection)?;
    let text = TextConfig::projecting(&part(path, file, "text_config")?, projection)?;
    Ok(EncoderConfig { kind: EncoderKind::Clip, vision, text: Some(text) })
}

fn clip_vision(file: &ConfigFile, projection: usize) -> Result<VisionConfig, LoadError> {
    file.in_range("projection_dim", projection, 1 << 14)?;
    let defaults = Defaults { patch: 32, eps: 1e-5, activation: "quick_gelu" };
    let inner = file.good(file.fields.count("intermediate_size", 3072))?;
    let config = network(file, &defaults, inner)?;
    Ok(VisionConfig { projection: Some(projection), ..config })
}

fn vit(file: &ConfigFile) -> Result<VisionConfig, LoadError> {
    let inner = file.good(file.fields.count("intermediate_size", 3072))?;
    network(file, &Defaults { patch: 16, eps: 1e-12, activation: "gelu" }, inner)
}

fn dinov2(file: &ConfigFile, patch: usize, registers: usize) -> Result<VisionConfig, LoadError> {
    if file.good(file.fields.flag("use_swiglu_ffn", false))? {
        let wanted = "the SwiGLU layers of the giant model are not supported: take the small, base or large one";
        return file.good(Err(file.fields.error("use_swiglu_ffn", wanted)));
    }
    let width = file.good(file.fields.count("hidden_size", 768))?;
    let ratio = file.positive("mlp_ratio", 4.0)?;
    let inner = (width as f64 * ratio) as usize;
    let config = network(file, &Defaults { patch, eps: 1e-6, activation: "gelu" }, inner)?;
    Ok(VisionConfig { registers, ..config })
}

/// What the kinds have different defaults for.
struct Defaults {
    patch: usize,
    eps: f64,
    activation: &'static str,
}

/// The keys that all kinds have.
fn network(file: &ConfigFile, defaults: &Defaults, inner: usize) -> Result<VisionConfig, LoadError> {
    file.only("hidden_act", &[json!("quick_gelu"), json!("gelu")])?;
    file.only("num_channels", &[json!(3)])?;
    file.all_null(&["quantization_config", "head_dim"])?;
    let size = |key: &str, default: usize, most: usize| {
        let value = file.good(file.fields.count(key, default))?;
        file.in_range(key, value, most).map(|()| value)
    };
    let width = size("hidden_size", 768, 1 << 14)?;
    let heads = size("num_attention_heads", 12, 1024)?;
    if !width.is_multiple_of(heads) {
        return Err(file.invalid(format!("{width} channels cannot be split into {heads} heads")));
    }
    file.in_range("intermediate_size", inner, 1 << 16)?;
    let layers = size("num_hidden_layers", 12, 128)?;
    let image_size = square(file, "image_size", 224)?;
    let patch_size = square(file, "patch_size", defaults.patch)?;
    let patches = image_size / patch_size;
    if patches == 0 || patches * patches > MOST_PATCHES {
        let (all, most) = (patches * patches, MOST_PATCHES);
        return Err(file.invalid(format!("a picture has {all} patches, it must have between 1 and {most}")));
    }
    let activation = file.good(file.fields.text("hidden_act"))?.unwrap_or_else(|| defaults.activation.to_owned());
    let block = BlockSizes {
        width,
        inner,
        heads,
        eps: file.positive("layer_norm_eps", defaults.eps)?,
        activation: if activation == "quick_gelu" { Activation::QuickGelu } else { Activation::Gelu },
        biased: file.good(file.fields.flag("qkv_bias", true))?,
    };
    Ok(VisionConfig { block, layers, image_size, patch_size, registers: 0, projection: None })
}

/// A number of pixels, which may also be given as equal height and width.
fn square(file: &ConfigFile, key: &str, default: usize) -> Result<usize, LoadError> {
    let sides = file.good(file.fields.counts(key, default))?;
    let sides = file.good(sides.per_block(2, key))?;
    if sides[0] != sides[1] {
        return file.good(Err(file.fields.error(key, "height and width must be equal")));
    }
    file.in_range(key, sides[0], 4096).map(|()| sides[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EncoderConfig, LoadError> {
        EncoderConfig::parse(Path::new("x/config.json"), text)
    }

    #[test]
    fn published_configurations() {
        let small = parse(
            r#"{"model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6, "image_size": 518,
            "layer_norm_eps": 1e-06, "mlp_ratio": 4, "patch_size": 14}"#,
        );
        let VisionConfig { block, image_size, registers, .. } = small.unwrap().vision;
        assert_eq!((block.inner, block.eps, block.activation), (1536, 1e-6, Activation::Gelu));
        assert_eq!((image_size, registers), (518, 0));

        let clip = parse(
            r#"{"model_type": "clip", "projection_dim": 768, "vision_config": {"patch_size": 14},
            "text_config": {"eos_token_id": 2, "hidden_size": 512},
            "vision_config_dict": {"hidden_size": 1024, "patch_size": 14, "num_attention_heads": 16},
            "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12}}"#,
        );
        let EncoderConfig { vision, text, .. } = clip.unwrap();
        assert_eq!((vision.block.width, vision.dim(), vision.block.eps), (1024, 768, 1e-5));
        // transformers takes all of `text_config_dict`, with its defaults.
        let text = text.unwrap();
        assert_eq!((text.pooled.unwrap().end, text.hidden_size), (49407, 768));
    }

    #[test]
    fn other_models_and_hostile_numbers_are_refused() {
        for (text, said) in [
            (r#"{"model_type": "llama"}"#, "`model_type` is \"llama\""),
            ("{}", "`model_type` is absent"),
            (r#"{"model_type": "dinov2", "use_swiglu_ffn": true}"#, "giant"),
            (r#"{"model_type": "vit", "hidden_act": "gelu_new"}"#, "hidden_act"),
            (r#"{"model_type": "vit", "num_channels": 1}"#, "num_channels"),
            (r#"{"model_type": "vit", "image_size": [224, 448]}"#, "equal"),
            (r#"{"model_type": "vit", "image_size": 2048, "patch_size": 1}"#, "4194304 patches"),
            (r#"{"model_type": "vit", "hidden_size": 100000000}"#, "hidden_size"),
            (r#"{"model_type": "vit", "num_attention_heads": 7}"#, "7 heads"),
            (r#"{"model_type": "dinov2", "mlp_ratio": 1e8}"#, "intermediate_size"),
            (r#"{"model_type": "dinov2_with_registers", "num_register_tokens": 1e6}"#, "num_register_tokens"),
            (r#"{"model_type": "clip", "vision_config": 3}"#, "vision_config"),
            (r#"{"model_type": "clip", "projection_dim": 0}"#, "projection_dim"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("x/config.json"), "{text}: {message}");
        }
    }
}
