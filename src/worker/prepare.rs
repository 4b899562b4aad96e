//! Photos → square crops and latents. Shared by every cell that uses the same photos.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Context, StageError, help::failed, png};
use crate::experiment::settings::{Crop, Dataset};
use crate::models::Model;
use crate::photos::{self, Photo, Scan};
use crate::stage::Stage;
use crate::store::Artifact;
use crate::tensors::tensor_file;

/// `photos.json` of the artifact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhotoList {
    /// Every photo of the folders, in the order of their names.
    pub photos: Vec<PhotoEntry>,
    /// Files that are not photos, and why.
    pub skipped: Vec<SkippedEntry>,
}

/// One photo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhotoEntry {
    /// blake3 of the file.
    pub hash: String,
    /// Path below the folder named in the experiment.
    pub name: String,
    /// Width in pixels after orientation.
    pub width: u32,
    /// Height in pixels after orientation.
    pub height: u32,
    /// Text of the sidecar file.
    pub caption: Option<String>,
}

/// One file that was left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// The file.
    pub path: String,
    /// Why it is not used.
    pub reason: String,
}

/// The first 16 characters of a photo's hash: its name inside artifacts.
pub fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// Decodes and crops every photo first, then encodes them one by one.
pub(super) fn run(model: &Model, dataset: &Dataset, scan: &Scan, ctx: &Context<'_>) -> Result<(), StageError> {
    let crop = match dataset.crop {
        Crop::Center => photos::Crop::Center,
        Crop::Random => photos::Crop::Random,
    };
    let total = scan.photos.len() as u64;
    let progress = |done: usize, detail: &str| {
        ctx.progress(Stage::Prepare, (done as u64, total), "photos", detail.to_owned());
    };
    let mut images = Vec::with_capacity(scan.photos.len());
    for photo in &scan.photos {
        let image = photos::load(photo, dataset.resolution, crop, dataset.seed).map_err(failed)?;
        let bytes = png::encode(image.width() as usize, image.height() as usize, image.as_raw())?;
        ctx.workspace.write(&format!("photos/{}.png", short(&photo.hash)), &bytes)?;
        images.push(image);
        if ctx.stop.is_set() {
            return Err(StageError::Stopped);
        }
    }
    let mut tensors = BTreeMap::new();
    for (index, (photo, image)) in scan.photos.iter().zip(&images).enumerate() {
        progress(index, &photo.name);
        let (mean, std) = encode(model, image)?;
        tensors.insert(format!("{}.mean", short(&photo.hash)), mean);
        tensors.insert(format!("{}.std", short(&photo.hash)), std);
        if ctx.stop.is_set() {
            return Err(StageError::Stopped);
        }
    }
    progress(images.len(), "");
    write_latents(ctx, &tensors)?;
    let list = PhotoList {
        photos: scan.photos.iter().map(|photo| entry(photo, dataset.captions)).collect(),
        skipped: scan
            .skipped
            .iter()
            .map(|skipped| SkippedEntry { path: skipped.path.display().to_string(), reason: skipped.reason.clone() })
            .collect(),
    };
    ctx.write_json("photos.json", &list)
}

fn entry(photo: &Photo, captions: bool) -> PhotoEntry {
    PhotoEntry {
        hash: photo.hash.clone(),
        name: photo.name.clone(),
        width: photo.width,
        height: photo.height,
        caption: photo.caption(captions).cloned(),
    }
}

/// Mean and standard deviation `(1, 4, h, w)` f32, unscaled, on the CPU.
pub fn encode(model: &Model, image: &image::RgbImage) -> Result<(Tensor, Tensor), StageError> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels: Vec<f32> = image.as_raw().iter().map(|value| f32::from(*value) / 127.5 - 1.0).collect();
    let pixels = Tensor::from_vec(pixels, (1, height, width, 3), &Device::Cpu)?
        .permute((0, 3, 1, 2))?
        .contiguous()?
        .to_device(&model.device)?;
    let (mean, std) = model.vae.get()?.encode(&pixels)?;
    let cpu = |tensor: Tensor| tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu);
    Ok((cpu(mean)?, cpu(std)?))
}

/// Writes `latents.safetensors`: `<name>.mean` and `<name>.std`.
pub fn write_latents(ctx: &Context<'_>, tensors: &BTreeMap<String, Tensor>) -> Result<(), StageError> {
    Ok(ctx.workspace.write("latents.safetensors", &tensor_file::write(tensors, &BTreeMap::new())?)?)
}

/// Reads `latents.safetensors` of an artifact: name → `(mean, std)`.
pub fn read_latents(artifact: &Artifact) -> Result<BTreeMap<String, (Tensor, Tensor)>, StageError> {
    let bytes = artifact.read("latents.safetensors")?;
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
