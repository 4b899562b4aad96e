//! `--lora FILE[:SCALE]`: an adapter file and how strong it is applied.

use std::path::{Path, PathBuf};

use crate::experiment::LORA_SCALES;

/// An adapter file and how strong it is applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LoraArg {
    pub(super) file: PathBuf,
    pub(super) scale: f64,
}

impl LoraArg {
    /// Takes `a.safetensors` or `a.safetensors:0.8` apart.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = || Self { file: text.into(), scale: 1.0 };
        match text.rsplit_once(':') {
            // A file may really be called that.
            Some(_) if Path::new(text).is_file() => Ok(whole()),
            Some((file, scale)) if !file.is_empty() => match scale.trim().parse::<f64>() {
                Ok(scale) if LORA_SCALES.contains(&scale) => Ok(Self { file: file.into(), scale }),
                Ok(scale) => {
                    let (low, high) = LORA_SCALES.into_inner();
                    Err(format!(
                        "the scale {scale} is not from {low} to {high}; 1 is as strong as the adapter was trained"
                    ))
                }
                // `C:\adapter.safetensors` has no scale.
                _ if scale.contains(['/', '\\']) => Ok(whole()),
                _ => Err(format!("`{scale}` is not a scale; expected a number, e.g. {file}:0.8")),
            },
            _ => Ok(whole()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_may_follow_the_file() {
        let parsed = |text: &str| LoraArg::parse(text).map(|lora| (lora.file.display().to_string(), lora.scale));
        assert_eq!(parsed("a.safetensors"), Ok(("a.safetensors".into(), 1.0)));
        assert_eq!(parsed("a.safetensors:-0.5"), Ok(("a.safetensors".into(), -0.5)));
        assert_eq!(parsed("C:\\x\\a.safetensors"), Ok(("C:\\x\\a.safetensors".into(), 1.0)));
        assert_eq!(parsed("C:\\a.safetensors:2"), Ok(("C:\\a.safetensors".into(), 2.0)));
        assert!(parsed("a:11").unwrap_err().contains("from -10 to 10") && parsed("a:-1e30").is_err());
        assert!(parsed("a:nan").is_err() && parsed("a:strong").unwrap_err().contains("a:0.8"));
    }
}
