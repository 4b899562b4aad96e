//! How strongly images follow their prompts.

use serde::{Deserialize, Serialize};

use super::words::is_default;

/// Classifier-free guidance (Ho and Salimans 2022, [arXiv 2207.12598](https://arxiv.org/abs/2207.12598)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guidance {
    /// Weight of the prompt against the negative prompt; 1 switches guidance off.
    #[serde(rename = "guidance_scale")]
    pub scale: f64,
    /// How far the spread of a guided prediction is brought back to that of the prompt's prediction, from 0 (not at
    /// all) to 1 (Lin et al. 2023, [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), section 3.4).
    #[serde(rename = "guidance_rescale", default, skip_serializing_if = "is_default")]
    pub rescale: f64,
}

impl Guidance {
    /// Guidance of this scale as it is.
    #[must_use]
    pub fn new(scale: f64) -> Self {
        Self { scale, rescale: 0.0 }
    }

    /// Whether each step asks the denoiser twice, with the prompt and with the negative prompt. Distilled models are
    /// drawn without: with a scale of 0 (as diffusers' pages write it) or 1.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.scale > 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_set_is_not_stored() {
        let json = |guidance: Guidance| serde_json::to_string(&guidance).unwrap();
        assert_eq!(json(Guidance::new(7.5)), r#"{"guidance_scale":7.5}"#);
        let rescaled = Guidance { scale: 7.5, rescale: 0.7 };
        assert_eq!(json(rescaled), r#"{"guidance_scale":7.5,"guidance_rescale":0.7}"#);
        assert_eq!(serde_json::from_str::<Guidance>(&json(rescaled)).unwrap(), rescaled);
        assert_eq!(serde_json::from_str::<Guidance>(r#"{"guidance_scale":1}"#).unwrap(), Guidance::new(1.0));
    }
}
