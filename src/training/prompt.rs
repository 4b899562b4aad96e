//! The prompts of training items and batches: encoded once, or as token ids where the text encoders are trained.

use candle_core::{Device, Result, Tensor, bail};

use crate::models::Conditioning;

/// The prompts of one or several samples.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// What the frozen text encoders made of them.
    Encoded(Conditioning),
    /// What text encoders that are trained are given.
    Ids(TokenIds),
}

/// Prompts as token ids, and what else the denoiser is told. The first dimension of every tensor counts the samples.
#[derive(Clone, Debug)]
pub struct TokenIds {
    /// `(B, T)` u32 for each text encoder.
    pub ids: Vec<Tensor>,
    /// The sizes of each image, `(B, 6)` f32, in families that have them.
    pub sizes: Option<Tensor>,
}

impl Prompt {
    /// The prompts of several samples, in their order.
    ///
    /// # Errors
    /// No prompts at all, or prompts of different kinds or shapes.
    pub(super) fn stack(prompts: &[&Self]) -> Result<Self> {
        let encoded: Vec<&Conditioning> = prompts.iter().filter_map(|prompt| prompt.encoded().ok()).collect();
        if encoded.len() == prompts.len() {
            return Ok(Self::Encoded(Conditioning::stack(encoded)?));
        }
        let ids = |prompt: &&Self| match prompt {
            Self::Ids(ids) => Ok(ids.clone()),
            Self::Encoded(_) => bail!("some prompts of a batch are encoded, others are not"),
        };
        let all = prompts.iter().map(ids).collect::<Result<Vec<_>>>()?;
        let encoders = all[0].ids.len();
        let of_encoder = |i| Tensor::cat(&all.iter().filter_map(|one| one.ids.get(i)).collect::<Vec<_>>(), 0);
        let sizes: Vec<&Tensor> = all.iter().filter_map(|one| one.sizes.as_ref()).collect();
        let sizes = if sizes.is_empty() { None } else { Some(Tensor::cat(&sizes, 0)?) };
        Ok(Self::Ids(TokenIds { ids: (0..encoders).map(of_encoder).collect::<Result<_>>()?, sizes }))
    }

    /// The same prompt for images of other sizes.
    pub(super) fn with_sizes(&self, sizes: Option<&Tensor>) -> Self {
        let sizes = sizes.cloned();
        match self {
            Self::Encoded(own) => Self::Encoded(Conditioning { sizes, ..own.clone() }),
            Self::Ids(own) => Self::Ids(TokenIds { sizes, ..own.clone() }),
        }
    }

    /// The sizes of the images, in families that have them.
    #[must_use]
    pub fn sizes(&self) -> Option<&Tensor> {
        match self {
            Self::Encoded(conditioning) => conditioning.sizes.as_ref(),
            Self::Ids(ids) => ids.sizes.as_ref(),
        }
    }

    /// What the text encoders made of the prompts.
    ///
    /// # Errors
    /// Token ids, which are not encoded.
    pub fn encoded(&self) -> Result<&Conditioning> {
        match self {
            Self::Encoded(conditioning) => Ok(conditioning),
            Self::Ids(_) => bail!("the prompts are token ids, which a text encoder has to see first"),
        }
    }

    /// Number of samples.
    pub(super) fn samples(&self) -> Result<usize> {
        match self {
            Self::Encoded(conditioning) => conditioning.samples(),
            Self::Ids(ids) => ids.ids.first().map_or(Ok(0), |ids| ids.dim(0)),
        }
    }

    /// Number of tokens of each prompt.
    pub(super) fn token_count(&self) -> Result<usize> {
        match self {
            Self::Encoded(conditioning) => conditioning.token_count(),
            Self::Ids(ids) => ids.ids.first().map_or(Ok(0), |ids| ids.dim(1)),
        }
    }

    /// The shape of each tensor, to compare prompts and for messages.
    pub(super) fn shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Encoded(conditioning) => conditioning.shapes(),
            Self::Ids(TokenIds { ids, sizes }) => {
                ids.iter().chain(sizes).map(|tensor| tensor.dims().to_vec()).collect()
            }
        }
    }

    /// The same on another device.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let there = |tensor: &Tensor| tensor.to_device(device);
        Ok(match self {
            Self::Encoded(conditioning) => Self::Encoded(conditioning.to_device(device)?),
            Self::Ids(TokenIds { ids, sizes }) => Self::Ids(TokenIds {
                ids: ids.iter().map(there).collect::<Result<_>>()?,
                sizes: sizes.as_ref().map(there).transpose()?,
            }),
        })
    }
}

impl From<Conditioning> for Prompt {
    fn from(conditioning: Conditioning) -> Self {
        Self::Encoded(conditioning)
    }
}

impl From<Tensor> for Prompt {
    /// Encoded prompts that are tokens `(B, T, D)` only.
    fn from(tokens: Tensor) -> Self {
        Self::Encoded(tokens.into())
    }
}
