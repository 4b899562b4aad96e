//! Features of photos or images by an image encoder.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use image::{Rgb, RgbImage};

use super::{
    context::Context,
    error::{StageError, failed},
    images, png,
};
use crate::models::vision::Encoder;
use crate::records::features::{FILE, FORMAT, Feature, FeatureList, TENSORS};
use crate::records::photos::{self, PhotoEntry, PhotoList, crop_file, mask_file};
use crate::stage::{Features, Stage};
use crate::store::Artifact;
use crate::tensors::tensor_file;

/// Pictures that the encoder is given at once.
const AT_ONCE: usize = 8;

/// Shows every picture of the source artifact to the encoder; photos mirrored, too, and without their background where
/// they have a mask.
pub(super) fn run(encoder: &Encoder, wanted: &Features, ctx: &Context<'_>) -> Result<(), StageError> {
    let source = ctx.need_of(wanted.of, &wanted.source)?;
    let mirrored = wanted.of == Stage::Prepare;
    let photos = if mirrored { photos_of(source)? } else { Vec::new() };
    let files = if mirrored { photos.iter().map(|p| crop_file(&p.hash)).collect() } else { image_files(source)? };
    let masked: Vec<&PhotoEntry> = photos.iter().filter(|photo| photo.mask.is_some()).collect();
    let total = (files.len() * if mirrored { 2 } else { 1 } + masked.len()) as u64;
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
    let mut subjects: Vec<Feature> = Vec::new();
    for some in masked.chunks(AT_ONCE) {
        ctx.progress(((plain.len() + mirror.len() + subjects.len()) as u64, total), "pictures", wanted.name.clone());
        ctx.stop_here()?;
        let subject = |photo: &&PhotoEntry| {
            let (picture, mask) = (crop_file(&photo.hash), mask_file(&photo.hash));
            Ok(without_background(&png::read(source, &picture)?, &png::read(source, &mask)?, encoder.mean_colour()))
        };
        let pictures: Vec<RgbImage> = some.iter().map(subject).collect::<Result<_, StageError>>()?;
        subjects.extend(encoder.images(&pictures).map_err(failed)?);
    }
    let texts = wanted.texts.clone().unwrap_or_default();
    let mut tensors = BTreeMap::from([("images".to_owned(), matrix(&plain)?)]);
    if mirrored {
        tensors.insert("mirrored".to_owned(), matrix(&mirror)?);
    }
    if !subjects.is_empty() {
        tensors.insert("masked".to_owned(), matrix(&subjects)?);
    }
    if !texts.is_empty() {
        let features = encoder.texts(&texts).map_err(failed)?;
        let features = features.ok_or_else(|| failed(format!("the encoder {} reads no texts", wanted.name)))?;
        tensors.insert("texts".to_owned(), matrix(&features)?);
    }
    let dim = plain.first().map_or(0, Vec::len);
    ctx.workspace.write(TENSORS, &tensor_file::write(&tensors, &BTreeMap::new())?)?;
    let masked = masked.iter().map(|photo| crop_file(&photo.hash)).collect();
    ctx.write_json(FILE, &FeatureList { format: FORMAT, dim, images: files, mirrored, masked, texts })
}

fn photos_of(prepared: &Artifact) -> Result<Vec<PhotoEntry>, StageError> {
    let list: PhotoList = serde_json::from_slice(&prepared.read(photos::FILE)?).map_err(failed)?;
    Ok(list.photos)
}

/// The picture where the mask is white, and one colour where it is black; between them a mixture. Both have the same
/// size.
fn without_background(picture: &RgbImage, mask: &RgbImage, colour: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (seen, share) = (picture.get_pixel(x, y).0, u32::from(mask.get_pixel(x, y).0[0]));
        let mixed = |channel: usize| {
            let sum = u32::from(seen[channel]) * share + u32::from(colour[channel]) * (255 - share);
            ((sum + 127) / 255) as u8
        };
        Rgb(std::array::from_fn(mixed))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_gets_one_colour() {
        let picture = RgbImage::from_fn(3, 1, |x, _| Rgb([10 * x as u8, 200, 255]));
        let mask = RgbImage::from_fn(3, 1, |x, _| Rgb([[0, 255, 51][x as usize]; 3]));
        let seen = without_background(&picture, &mask, [100, 0, 55]);
        let pixels: Vec<[u8; 3]> = seen.pixels().map(|pixel| pixel.0).collect();
        // The last one is a fifth of the picture.
        assert_eq!(pixels, [[100, 0, 55], [10, 200, 255], [84, 40, 95]]);
    }
}
