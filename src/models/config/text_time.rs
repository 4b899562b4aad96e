//! `addition_embed_type = "text_time"` of `unet/config.json`: what Stable Diffusion XL adds to the time's embedding.

use super::file::ConfigFile;
use crate::tensors::LoadError;

/// The sizes that an image has in the conditions: height and width, top and left, height and width.
pub(in crate::models) const IMAGE_SIZES: usize = 6;

/// What is embedded beside the time: the pooled output of the text encoder, and six sizes of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextTimeConfig {
    /// Width of the pooled output, 1280.
    pub pooled: usize,
    /// Sines and cosines for each of the six sizes, 256.
    pub size_width: usize,
}

impl TextTimeConfig {
    /// Numbers that go into the first layer: 2816.
    #[must_use]
    pub fn inputs(self) -> usize {
        self.pooled + IMAGE_SIZES * self.size_width
    }

    /// `None` for a UNet without it.
    pub(super) fn of(file: &ConfigFile) -> Result<Option<Self>, LoadError> {
        if file.good(file.fields.text("addition_embed_type"))?.is_none() {
            return Ok(None);
        }
        let size_width = file.good(file.fields.count("addition_time_embed_dim", 0))?;
        file.in_range("addition_time_embed_dim", size_width, 4096)?;
        if !size_width.is_multiple_of(2) {
            return Err(file.invalid("`addition_time_embed_dim` must be even, for the sines and cosines of the sizes"));
        }
        let inputs = file.good(file.fields.count("projection_class_embeddings_input_dim", 0))?;
        file.in_range("projection_class_embeddings_input_dim", inputs, 1 << 16)?;
        // The refiner has five numbers and a pooled output of 1280: 2560 = 1280 + 5 · 256.
        match inputs.checked_sub(IMAGE_SIZES * size_width) {
            Some(pooled @ 1..) => Ok(Some(Self { pooled, size_width })),
            _ => Err(file.invalid(format!(
                "`projection_class_embeddings_input_dim` is {inputs}, which leaves no room for a pooled output beside \
                 {IMAGE_SIZES} sizes of {size_width} numbers"
            ))),
        }
    }
}
