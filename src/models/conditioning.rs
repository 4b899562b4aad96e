//! What a prompt becomes, and all that a denoiser is told besides latents and times.

use candle_core::{DType, Device, Result, Tensor};

/// The conditions of a batch of samples. The first dimension of every tensor counts the samples.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// The text encoder's output `(B, T, D)`, which the denoiser attends to.
    pub tokens: Tensor,
}

impl Conditioning {
    /// The conditions of several batches as one batch, in their order.
    ///
    /// # Errors
    /// No conditions at all, or conditions of different shapes.
    pub fn stack<'a>(conditions: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let tokens: Vec<&Tensor> = conditions.into_iter().map(|one| &one.tokens).collect();
        Ok(Self { tokens: Tensor::cat(&tokens, 0)? })
    }

    /// Number of samples.
    ///
    /// # Errors
    /// Tokens that are not `(B, T, D)`.
    pub fn samples(&self) -> Result<usize> {
        Ok(self.tokens.dims3()?.0)
    }

    /// Number of tokens of each prompt.
    ///
    /// # Errors
    /// Tokens that are not `(B, T, D)`.
    pub fn token_count(&self) -> Result<usize> {
        Ok(self.tokens.dims3()?.1)
    }

    /// The shape of each tensor, to compare conditions and for messages.
    #[must_use]
    pub fn shapes(&self) -> Vec<Vec<usize>> {
        vec![self.tokens.dims().to_vec()]
    }

    /// The same on another device.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        Ok(Self { tokens: self.tokens.to_device(device)? })
    }

    /// The same in another type of numbers.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { tokens: self.tokens.to_dtype(dtype)? })
    }

    /// Each tensor and what it is called in messages.
    #[must_use]
    pub fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("text embeddings", &self.tokens)]
    }
}

impl From<Tensor> for Conditioning {
    /// Conditions that are tokens `(B, T, D)` only.
    fn from(tokens: Tensor) -> Self {
        Self { tokens }
    }
}
