//! PNG files of the store.

use image::RgbImage;

use super::error::{StageError, failed};
use crate::picture::{decode_png, encode_png};
use crate::store::Artifact;

/// Encodes an image of the store.
pub(super) fn encode(image: &RgbImage) -> Result<Vec<u8>, StageError> {
    encode_png(image, &[]).map_err(failed)
}

/// Decodes the bytes of a PNG.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, StageError> {
    decode_png(bytes).map_err(failed)
}

/// Reads a PNG of the store.
pub(super) fn read(artifact: &Artifact, name: &str) -> Result<RgbImage, StageError> {
    decode(&artifact.read(name)?)
}
