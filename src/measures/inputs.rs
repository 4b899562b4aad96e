//! What a cell offers to its measures.

use image::RgbImage;

use super::record::Values;
use super::thumbnail::Thumbnail;

/// One generated image with the base model's image of the same prompt and noise.
#[derive(Clone, Debug)]
pub struct ImagePair<'a> {
    /// The image with the adapter.
    pub image: RgbImage,
    /// The base model's image.
    pub base: RgbImage,
    /// The thumbnail of `image`.
    pub thumbnail: Thumbnail,
    /// The thumbnail of `base`.
    pub base_thumbnail: Thumbnail,
    /// The training photos, in training order. Empty for a prompt that does not ask for the subject: such an image that
    /// shows a photo has drifted, it is not a copy.
    pub photos: &'a [Thumbnail],
}

impl<'a> ImagePair<'a> {
    /// Makes the thumbnails of both images.
    #[must_use]
    pub fn new(image: RgbImage, base: RgbImage, photos: &'a [Thumbnail]) -> Self {
        let (thumbnail, base_thumbnail) = (Thumbnail::new(&image), Thumbnail::new(&base));
        Self { image, base, thumbnail, base_thumbnail, photos }
    }
}

/// A denoising loss before and after the training. `None` where it was not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// The base model's loss.
    pub base: Option<f64>,
    /// The loss with the adapter.
    pub after: Option<f64>,
}

/// A cell whose images are measured already.
#[derive(Clone, Debug, Default)]
pub struct Cell<'a> {
    /// The numbers of every image whose prompt asks for the subject.
    pub subject: Vec<Values>,
    /// The numbers of every image whose prompt does not.
    pub drift: Vec<Values>,
    /// The training photos, in training order.
    pub photos: &'a [Thumbnail],
    /// Photos of the subject that the cell does not train on.
    pub held_out: &'a [Thumbnail],
    /// Losses on the training photos.
    pub train: Losses,
    /// Losses on the held-out photos.
    pub unseen: Losses,
    /// Losses on the class images.
    pub class: Losses,
}

impl Cell<'_> {
    /// The mean of a number over the images that ask for the subject.
    #[must_use]
    pub fn subject_mean(&self, name: &str) -> Option<f64> {
        mean(self.subject.iter().filter_map(|values| values.get(name).copied()))
    }

    /// The mean of a number over the images that do not ask for the subject.
    #[must_use]
    pub fn drift_mean(&self, name: &str) -> Option<f64> {
        mean(self.drift.iter().filter_map(|values| values.get(name).copied()))
    }
}

/// The mean of some numbers; `None` if there are none.
pub(in crate::measures) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}
