//! Latents of pictures in `latents.safetensors`: `<name>.mean` and `<name>.std` of each picture.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use super::{context::Context, error::StageError, error::failed};
use crate::models::Model;
use crate::records::photos::short;
use crate::store::Artifact;
use crate::tensors::tensor_file;

const FILE: &str = "latents.safetensors";

/// The latents of several pictures, to be written as one file.
#[derive(Default)]
pub(super) struct Latents(BTreeMap<String, Tensor>);

impl Latents {
    /// Encodes a picture: mean and standard deviation `(1, 4, h, w)` f32, unscaled, on the CPU.
    pub(super) fn add(&mut self, model: &Model, name: &str, image: &RgbImage) -> Result<(), StageError> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixels: Vec<f32> = image.as_raw().iter().map(|value| f32::from(*value) / 127.5 - 1.0).collect();
        let pixels = Tensor::from_vec(pixels, (1, height, width, 3), &Device::Cpu)?
            .permute((0, 3, 1, 2))?
            .contiguous()?
            .to_device(&model.device)?;
        let (mean, std) = model.vae.encode(&pixels)?;
        for (tensor, what) in [(mean, "mean"), (std, "std")] {
            let tensor = tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            self.0.insert(format!("{name}.{what}"), tensor);
        }
        Ok(())
    }

    /// Writes the file of the artifact.
    pub(super) fn write(&self, ctx: &Context<'_>) -> Result<(), StageError> {
        Ok(ctx.workspace.write(FILE, &tensor_file::write(&self.0, &BTreeMap::new())?)?)
    }
}

/// Reads the file of an artifact: name → `(mean, std)`.
pub(super) fn read(artifact: &Artifact) -> Result<BTreeMap<String, (Tensor, Tensor)>, StageError> {
    let bytes = artifact.read(FILE)?;
    let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
    let names: Vec<String> = tensors.keys().filter_map(|key| key.strip_suffix(".mean")).map(String::from).collect();
    let mut latents = BTreeMap::new();
    for name in names {
        let mean = tensors.remove(&format!("{name}.mean"));
        let std = tensors.remove(&format!("{name}.std"));
        if let (Some(mean), Some(std)) = (mean, std) {
            latents.insert(name, (mean, std));
        }
    }
    Ok(latents)
}

/// What the latents of a photo's mirror image are called.
pub(super) fn mirror_image(hash: &str) -> String {
    format!("{}.mirror", short(hash))
}

/// The latents of a photo's mirror image, if they were wanted.
pub(super) fn of_mirror_image<'l>(
    latents: &'l BTreeMap<String, (Tensor, Tensor)>,
    hash: &str,
) -> Option<&'l (Tensor, Tensor)> {
    latents.get(&mirror_image(hash))
}

/// The latents of a photo, by the photo's hash.
pub(super) fn of_photo<'l>(
    latents: &'l BTreeMap<String, (Tensor, Tensor)>,
    hash: &str,
) -> Result<&'l (Tensor, Tensor), StageError> {
    latents.get(short(hash)).ok_or_else(|| failed(format!("photo {} has no latents", short(hash))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Parts;
    use std::path::Path;

    /// `tests/golden/training/make_sd_scripts.py` called sd-scripts' own `cache_batch_latents` with `flip_aug`.
    #[test]
    fn a_photo_and_its_mirror_image_are_encoded_as_sd_scripts_does() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let expected =
            candle_core::safetensors::load(golden.join("training/sd_scripts.safetensors"), &Device::Cpu).unwrap();
        let parts = Parts::open(&golden.join("models/sd1")).unwrap();
        let model = parts.load(&Device::Cpu, DType::F32).unwrap();
        let pixel = |x: u32, y: u32, c: u32| u8::try_from((x * 7 + y * 13 + c * 29 + x * y) % 256).unwrap();
        let image = RgbImage::from_fn(24, 16, |x, y| image::Rgb([0, 1, 2].map(|c| pixel(x, y, c))));
        let mut latents = Latents::default();
        latents.add(&model, "flip", &image).unwrap();
        latents.add(&model, "mirror", &image::imageops::flip_horizontal(&image)).unwrap();
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let far = |ours: &str, theirs: &str| {
            let (ours, theirs) = (numbers(&latents.0[ours]), numbers(&expected[theirs]));
            assert_eq!(ours.len(), theirs.len());
            ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(far("flip.mean", "flip.mean") < 1e-4 && far("mirror.mean", "flip.mirrored") < 1e-4);
        assert!(far("mirror.mean", "flip.mean") > 1e-2, "the mirror image is another picture");
    }
}
