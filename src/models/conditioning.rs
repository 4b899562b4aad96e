//! What a prompt becomes, and all that a denoiser is told besides latents and times.

use candle_core::{DType, Device, Result, Tensor, bail};

/// The conditions of a batch of samples. The first dimension of every tensor counts the samples.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// The text encoders' output `(B, T, D)`, which the denoiser attends to.
    pub tokens: Tensor,
    /// One vector for the whole prompt, `(B, P)`, in families that have it.
    pub pooled: Option<Tensor>,
    /// The [`ImageSizes`] of each sample as numbers, `(B, 6)` f32, in families that have them.
    pub sizes: Option<Tensor>,
}

/// What Stable Diffusion XL is told of an image's size, in pixels
/// ([Podell et al. 2023](https://arxiv.org/abs/2307.01952), section 2.2). Each pair is height and width, or top and
/// left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSizes {
    /// Height and width of the image before it was scaled and cropped.
    pub original: (usize, usize),
    /// Where the crop begins in the scaled image.
    pub crop: (usize, usize),
    /// Height and width of the crop, which the denoiser sees.
    pub target: (usize, usize),
}

impl ImageSizes {
    /// The sizes of an image that is drawn, as diffusers' pipeline gives them: as if it had never been scaled or
    /// cropped.
    #[must_use]
    pub fn drawn(height: usize, width: usize) -> Self {
        Self { original: (height, width), crop: (0, 0), target: (height, width) }
    }

    /// Original height and width, top and left, target height and width: `(1, 6)` f32.
    ///
    /// # Errors
    /// A device without room.
    pub fn tensor(self, device: &Device) -> Result<Tensor> {
        let Self { original, crop, target } = self;
        let numbers = [original.0, original.1, crop.0, crop.1, target.0, target.1].map(|number| number as f32);
        Tensor::from_slice(&numbers, (1, 6), device)
    }
}

impl Conditioning {
    /// The conditions of several batches as one batch, in their order.
    ///
    /// # Errors
    /// No conditions at all, or conditions of different kinds or shapes.
    pub fn stack<'a>(conditions: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let all: Vec<&Self> = conditions.into_iter().collect();
        let tokens: Vec<&Tensor> = all.iter().map(|one| &one.tokens).collect();
        let optional = |name: &str, part: &dyn Fn(&'a Self) -> Option<&'a Tensor>| {
            let parts: Vec<&Tensor> = all.iter().filter_map(|one| part(one)).collect();
            match parts.len() {
                0 => Ok(None),
                count if count == all.len() => Tensor::cat(&parts, 0).map(Some),
                count => bail!("{count} of {} conditions have {name}", all.len()),
            }
        };
        Ok(Self {
            tokens: Tensor::cat(&tokens, 0)?,
            pooled: optional("a pooled output", &|one| one.pooled.as_ref())?,
            sizes: optional("sizes", &|one| one.sizes.as_ref())?,
        })
    }

    /// The same conditions for images of these sizes.
    ///
    /// # Errors
    /// A device without room.
    pub fn with_sizes(&self, sizes: ImageSizes) -> Result<Self> {
        let samples = self.samples()?;
        let one = sizes.tensor(self.tokens.device())?;
        Ok(Self { sizes: Some(one.repeat((samples, 1))?), ..self.clone() })
    }

    /// Conditions of the same shapes whose tokens and pooled output are zeros.
    ///
    /// # Errors
    /// A device without room.
    pub fn zeros(&self) -> Result<Self> {
        Ok(Self { sizes: self.sizes.clone(), ..self.map(Tensor::zeros_like)? })
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
        self.tensors().into_iter().map(|(_, tensor)| tensor.dims().to_vec()).collect()
    }

    /// The same on another device.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        self.map(|tensor| tensor.to_device(device))
    }

    /// The same in another type of numbers. The sizes stay f32: half precision has not all of them.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { sizes: self.sizes.clone(), ..self.map(|tensor| tensor.to_dtype(dtype))? })
    }

    /// `count` samples from the place `first`.
    ///
    /// # Errors
    /// Fewer samples.
    pub fn narrow(&self, first: usize, count: usize) -> Result<Self> {
        self.map(|tensor| tensor.narrow(0, first, count)?.contiguous())
    }

    /// The same without gradients.
    pub(super) fn detached(&self) -> Result<Self> {
        self.map(|tensor| Ok(tensor.detach()))
    }

    /// Whether tokens or pooled output are trainable.
    pub(super) fn is_tracked(&self) -> bool {
        self.tensors().iter().any(|(_, tensor)| tensor.track_op())
    }

    /// Each tensor and what it is called in messages.
    #[must_use]
    pub fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        let optional = [("pooled text embeddings", &self.pooled), ("image sizes", &self.sizes)];
        let optional = optional.into_iter().filter_map(|(name, tensor)| Some((name, tensor.as_ref()?)));
        std::iter::once(("text embeddings", &self.tokens)).chain(optional).collect()
    }

    fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            tokens: change(&self.tokens)?,
            pooled: self.pooled.as_ref().map(&change).transpose()?,
            sizes: self.sizes.as_ref().map(&change).transpose()?,
        })
    }
}

impl From<Tensor> for Conditioning {
    /// Conditions that are tokens `(B, T, D)` only.
    fn from(tokens: Tensor) -> Self {
        Self { tokens, pooled: None, sizes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(value: f32) -> Conditioning {
        let full = |shape: &[usize]| Tensor::full(value, shape, &Device::Cpu).unwrap();
        Conditioning { pooled: Some(full(&[1, 3])), ..full(&[1, 2, 4]).into() }
    }

    #[test]
    fn sizes_are_told_in_the_order_of_diffusers() {
        let sizes = ImageSizes { original: (1, 2), crop: (3, 4), target: (5, 6) };
        let one = prompt(0.5).with_sizes(sizes).unwrap().to_dtype(DType::F16).unwrap();
        let sizes = one.sizes.as_ref().unwrap();
        assert_eq!(sizes.to_vec2::<f32>().unwrap(), [[1., 2., 3., 4., 5., 6.]]);
        assert_eq!((one.tokens.dtype(), one.pooled.as_ref().unwrap().dtype()), (DType::F16, DType::F16));
        assert_eq!(one.shapes(), [vec![1, 2, 4], vec![1, 3], vec![1, 6]]);
    }

    #[test]
    fn all_conditions_of_a_batch_have_the_same_parts() {
        let both = Conditioning::stack([&prompt(1.0), &prompt(2.0)]).unwrap();
        assert_eq!(both.pooled.unwrap().to_vec2::<f32>().unwrap(), [[1.0; 3], [2.0; 3]]);
        assert!(both.sizes.is_none());
        let without = Conditioning { pooled: None, ..prompt(1.0) };
        let error = Conditioning::stack([&prompt(1.0), &without]).unwrap_err().to_string();
        assert!(error.contains("1 of 2 conditions have a pooled output"), "{error}");
    }
}
