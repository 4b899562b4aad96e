//! Where the squares of photos come from, for models that are told (Stable Diffusion XL).

use std::collections::BTreeMap;

use super::error::{StageError, failed};
use crate::models::ImageSizes;
use crate::photos::Cut;
use crate::records::photos::{FILE, PhotoList, short};
use crate::store::Artifact;

/// What was made of a picture before it was encoded, in pixels: each pair is height and width, or top and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The picture's own size.
    pub(super) original: (usize, usize),
    /// Where the square begins in the scaled picture.
    pub(super) crop: (usize, usize),
}

impl Origin {
    /// The sizes that a model is told, for a picture of which `target` was encoded.
    pub(super) fn sizes(self, target: (usize, usize)) -> ImageSizes {
        ImageSizes { original: self.original, crop: self.crop, target }
    }

    /// Where what was cut out lies in the mirror image of the photo with this hash.
    pub(super) fn mirrored(self, cut: &Cut, hash: &str) -> Self {
        let pixels = |side: usize| u32::try_from(side).unwrap_or(u32::MAX).max(1);
        let size = (pixels(self.original.1), pixels(self.original.0));
        Self { crop: (self.crop.0, cut.mirrored_left(size, hash)), ..self }
    }
}

/// The origins of all photos of a `prepare` artifact.
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Reads the list of photos. Crops are recorded only for models that are told of them.
    pub(super) fn read(artifact: &Artifact) -> Result<Self, StageError> {
        let list: PhotoList = serde_json::from_slice(&artifact.read(FILE)?).map_err(failed)?;
        let origin = |height: u32, width: u32, crop: Option<[usize; 2]>| {
            let [top, left] = crop.unwrap_or_default();
            Origin { original: (height as usize, width as usize), crop: (top, left) }
        };
        let each = list.photos.iter().map(|photo| (photo.hash.as_str(), origin(photo.height, photo.width, photo.crop)));
        Ok(Self(each.map(|(hash, origin)| (short(hash).to_owned(), origin)).collect()))
    }

    /// Where the square of a photo comes from, by the photo's hash.
    pub(super) fn of(&self, hash: &str) -> Result<Origin, StageError> {
        self.0.get(short(hash)).copied().ok_or_else(|| failed(format!("photo {} is not in the list", short(hash))))
    }
}
