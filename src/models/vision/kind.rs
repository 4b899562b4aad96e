//! The kinds of image encoders.

use std::fmt;

/// What an encoder was trained as; it says how the network is built and which token is the feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EncoderKind {
    /// `ViTModel`: DINO ([Caron et al. 2021](https://arxiv.org/abs/2104.14294)), and other plain vision transformers.
    Dino,
    /// `Dinov2Model` ([Oquab et al. 2023](https://arxiv.org/abs/2304.07193)).
    Dinov2,
    /// `Dinov2WithRegistersModel` ([Darcet et al. 2023](https://arxiv.org/abs/2309.16588)).
    Dinov2WithRegisters,
    /// `CLIPModel` or `CLIPVisionModelWithProjection` ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)).
    Clip,
}

impl fmt::Display for EncoderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dino => "DINO",
            Self::Dinov2 => "DINOv2",
            Self::Dinov2WithRegisters => "DINOv2 with registers",
            Self::Clip => "CLIP",
        })
    }
}
