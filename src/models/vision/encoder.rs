//! A loaded encoder.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};
use image::RgbImage;
use rayon::prelude::*;

use super::info::EncoderInfo;
use super::preprocessing::Preprocessing;
use super::text::TextTower;
use super::transformer::VisionTransformer;
use crate::kernels::on_workers;
use crate::models::on_demand::OnDemand;
use crate::models::tokenizer::Tokenizer;

/// Most pictures or texts in one pass, and most patches of all pictures in it: more would only need more memory.
const MOST_AT_ONCE: usize = 16;
const PATCHES_AT_ONCE: usize = 1 << 12;

/// Makes features of pictures and, if it is a CLIP, of texts. Its weights are frozen and f32.
#[derive(Debug)]
pub struct Encoder {
    pub(super) info: EncoderInfo,
    pub(super) preprocessing: Preprocessing,
    pub(super) patch_size: usize,
    pub(super) vision: VisionTransformer,
    /// Loaded when the first text comes.
    pub(super) text: Option<(Arc<Tokenizer>, OnDemand<TextTower>)>,
    pub(super) device: Device,
}

impl Encoder {
    /// What it is.
    #[must_use]
    pub fn info(&self) -> &EncoderInfo {
        &self.info
    }

    /// The colour that says the least to the network: its numbers are 0, up to the rounding to 256 levels.
    #[must_use]
    pub fn mean_colour(&self) -> [u8; 3] {
        self.preprocessing.mean_colour()
    }

    /// A feature of unit length for each picture: `dim` numbers. DINO's and DINOv2's is the first token after the last
    /// layer norm, CLIP's is `image_embeds`. Pictures may have any size; on a CPU, a feature does not depend on the
    /// other pictures.
    ///
    /// # Errors
    /// A picture without pixels, a device without room, a network whose feature is not finite or 0.
    pub fn images(&self, images: &[RgbImage]) -> Result<Vec<Vec<f32>>> {
        if images.iter().any(|image| image.width() == 0 || image.height() == 0) {
            bail!("a picture without pixels has no feature");
        }
        let at_once = at_once(self.info.image_size, self.patch_size);
        let pass = |images: &[RgbImage]| unit(&self.vision.forward(&self.pixels(images)?)?);
        on_workers(|| Ok(images.chunks(at_once).map(pass).collect::<Result<Vec<_>>>()?.concat()))
    }

    /// A feature of unit length for each text: `dim` numbers, CLIP's `text_embeds`; `None` if it is an encoder of
    /// images only. Text beyond 75 tokens is not seen.
    ///
    /// # Errors
    /// Weights that can no longer be read, a device without room, a network whose feature is not finite or 0.
    pub fn texts(&self, texts: &[String]) -> Result<Option<Vec<Vec<f32>>>> {
        let Some((tokenizer, tower)) = &self.text else { return Ok(None) };
        let tower = if texts.is_empty() { return Ok(Some(Vec::new())) } else { tower.get()? };
        let pass = |texts: &[String]| unit(&tower.forward(tokenizer, texts)?);
        on_workers(|| Ok(Some(texts.chunks(MOST_AT_ONCE).map(pass).collect::<Result<Vec<_>>>()?.concat())))
    }

    /// What the network reads of pictures that have pixels: `(B, 3, height, width)`, f32.
    ///
    /// # Errors
    /// A device without room.
    pub fn pixels(&self, images: &[RgbImage]) -> Result<Tensor> {
        let (height, width) = self.info.image_size;
        let numbers = |image: &RgbImage| self.preprocessing.numbers(&self.preprocessing.pixels(image));
        let numbers: Vec<Vec<f32>> = images.par_iter().map(numbers).collect();
        Tensor::from_vec(numbers.concat(), (images.len(), 3, height, width), &self.device)
    }
}

/// How many pictures of that height and width go through the network at once.
pub(super) fn at_once((height, width): (usize, usize), patch_size: usize) -> usize {
    let patches = (height / patch_size) * (width / patch_size);
    (PATCHES_AT_ONCE / patches.max(1)).clamp(1, MOST_AT_ONCE)
}

/// The rows of `features` `(B, dim)`, each divided by its length.
fn unit(features: &Tensor) -> Result<Vec<Vec<f32>>> {
    let mut rows = features.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    for row in &mut rows {
        let length = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if !(length > 0.0 && length.is_finite()) {
            bail!("the encoder gives a feature of length {length}, which has no direction: its weights are damaged");
        }
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    Ok(rows)
}
