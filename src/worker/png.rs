//! RGB8 PNG bytes, the same for the same pixels on every machine.

use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs::png};

use super::error::{StageError, failed};
use crate::store::Artifact;

/// Encodes `width × height` RGB8 pixels.
pub(super) fn encode(width: usize, height: usize, pixels: &[u8]) -> Result<Vec<u8>, StageError> {
    let mut bytes = Vec::new();
    let (width, height) = (u32::try_from(width).map_err(failed)?, u32::try_from(height).map_err(failed)?);
    png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Default, png::FilterType::Adaptive)
        .write_image(pixels, width, height, ExtendedColorType::Rgb8)
        .map_err(failed)?;
    Ok(bytes)
}

/// Decodes the bytes of a PNG.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, StageError> {
    Ok(image::load_from_memory_with_format(bytes, image::ImageFormat::Png).map_err(failed)?.to_rgb8())
}

/// Reads a PNG of the store.
pub(super) fn read(artifact: &Artifact, name: &str) -> Result<RgbImage, StageError> {
    decode(&artifact.read(name)?)
}
