//! Features of photos or images by an image encoder.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use image::RgbImage;

use super::{
    context::Context,
    error::{StageError, failed},
    images, png,
};
use crate::models::vision::Encoder;
use crate::records::features::{FILE, FORMAT, Feature, FeatureList, TENSORS};
use crate::records::photos::{self, PhotoList, crop_file};
use crate::stage::{Features, Stage};
use crate::store::Artifact;
use crate::tensors::tensor_file;

/// Pictures that the encoder is given at once.
const AT_ONCE: usize = 8;

/// Shows every picture of the source artifact to the encoder; photos mirrored, too.
pub(super) fn run(encoder: &Encoder, wanted: &Features, ctx: &Context<'_>) -> Result<(), StageError> {
    let source = ctx.need_of(wanted.of, &wanted.source)?;
    let mirrored = wanted.of == Stage::Prepare;
    let files = if mirrored { photo_files(source)? } else { image_files(source)? };
    let total = (files.len() * if mirrored { 2 } else { 1 }) as u64;
    let (mut plain, mut mirror): (Vec<Feature>, Vec<Feature>) = (Vec::new(), Vec::new());
    for some in files.chunks(AT_ONCE) {
        ctx.progress(((plain.len() + mirror.len()) as u64, total), "pictures", wanted.name.clone());
        ctx.stop_here()?;
        let pictures: Vec<RgbImage> = some.iter().map(|file| png::read(source, file)).collect::<Result<_, _>>()?;
        plain.extend(encoder.images(&pictures).map_err(failed)?);
        if mirrored {
            let pictures: Vec<RgbImage> = pictures.iter().map(image::imageops::flip_horizontal).collect();
            mirror.extend(encoder.images(&pictures).map_err(failed)?);
        }
    }
    let texts = wanted.texts.clone().unwrap_or_default();
    let mut tensors = BTreeMap::from([("images".to_owned(), matrix(&plain)?)]);
    if mirrored {
        tensors.insert("mirrored".to_owned(), matrix(&mirror)?);
    }
    if !texts.is_empty() {
        let features = encoder.texts(&texts).map_err(failed)?;
        let features = features.ok_or_else(|| failed(format!("the encoder {} reads no texts", wanted.name)))?;
        tensors.insert("texts".to_owned(), matrix(&features)?);
    }
    let dim = plain.first().map_or(0, Vec::len);
    ctx.workspace.write(TENSORS, &tensor_file::write(&tensors, &BTreeMap::new())?)?;
    ctx.write_json(FILE, &FeatureList { format: FORMAT, dim, images: files, mirrored, texts })
}

fn photo_files(prepared: &Artifact) -> Result<Vec<String>, StageError> {
    let list: PhotoList = serde_json::from_slice(&prepared.read(photos::FILE)?).map_err(failed)?;
    Ok(list.photos.iter().map(|photo| crop_file(&photo.hash)).collect())
}

fn image_files(drawn: &Artifact) -> Result<Vec<String>, StageError> {
    Ok(images::read(drawn)?.images.into_iter().map(|entry| entry.file).collect())
}

/// The features as a tensor of shape `(features, dim)`. A feature that is not finite is an error: there would be
/// nothing to compare.
fn matrix(features: &[Feature]) -> Result<Tensor, StageError> {
    let dim = features.first().map_or(0, Vec::len);
    if features.iter().any(|row| row.len() != dim || row.iter().any(|x| !x.is_finite())) {
        return Err(failed("the encoder gave features that are not finite numbers"));
    }
    Ok(Tensor::from_vec(features.concat(), (features.len(), dim), &Device::Cpu)?)
}
