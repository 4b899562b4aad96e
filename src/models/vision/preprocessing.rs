//! How pictures become the numbers that an encoder reads: resized, cropped, scaled and shifted.
//!
//! The uint8 pixels and the f32 numbers are those of `CLIPImageProcessor`, `BitImageProcessor` and `ViTImageProcessor`
//! with PIL ("slow" processors), bit for bit:
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/image_transforms.py>.

use image::RgbImage;

use crate::picture::{Filter, Passes, Span, longer_side, resize_and_crop};

/// What `preprocessor_config.json` asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preprocessing {
    pub(crate) resize: Option<(Resize, Filter)>,
    /// Height and width of the centre that is cut out. Smaller pictures get black edges.
    pub(crate) crop: Option<(usize, usize)>,
    /// What pixels of 0..=255 are multiplied by.
    pub(crate) scale: Option<f64>,
    /// Mean and standard deviation of each channel.
    pub(crate) normalise: Option<([f32; 3], [f32; 3])>,
}

/// The size of a picture after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resize {
    /// The shorter side gets this length; the picture keeps its shape.
    Shortest(usize),
    /// Height and width; the picture is squeezed.
    To(usize, usize),
}

impl Preprocessing {
    /// Height and width of every picture afterwards, if all have the same.
    pub(crate) fn size(&self) -> Option<(usize, usize)> {
        match (self.crop, self.resize) {
            (Some(crop), _) => Some(crop),
            (None, Some((Resize::To(height, width), _))) => Some((height, width)),
            (None, _) => None,
        }
    }

    /// The picture after resizing and cropping. `image` has pixels, and not more of them than memory was found for; the
    /// whole resized picture is never made, however long it would be.
    pub(crate) fn pixels(&self, image: &RgbImage) -> RgbImage {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let (filter, resized_height, resized_width) = match self.resize {
            None => (Filter::Bilinear, height, width),
            Some((Resize::To(to_height, to_width), filter)) => (filter, to_height, to_width),
            Some((Resize::Shortest(side), filter)) => {
                let short = width.min(height);
                (filter, longer_side(height, short, side), longer_side(width, short, side))
            }
        };
        let (crop_height, crop_width) = self.crop.unwrap_or((resized_height, resized_width));
        let ((y, top), (x, left)) = (centre(resized_height, crop_height), centre(resized_width, crop_width));
        let inside = resize_and_crop(image, filter, Passes::Pillow13, x, y);
        if (x.length, y.length) == (crop_width, crop_height) {
            return inside;
        }
        let mut padded = RgbImage::new(crop_width as u32, crop_height as u32);
        image::imageops::replace(&mut padded, &inside, left as i64, top as i64);
        padded
    }

    /// The numbers of the pixels, channel by channel: `(3, height, width)`.
    pub(crate) fn numbers(&self, pixels: &RgbImage) -> Vec<f32> {
        let tables: [[f32; 256]; 3] = std::array::from_fn(|channel| self.table(channel));
        let number = |channel: usize| pixels.as_raw().iter().skip(channel).step_by(3).map(move |p| (channel, *p));
        (0..3).flat_map(number).map(|(channel, pixel)| tables[channel][usize::from(pixel)]).collect()
    }

    /// The colour whose numbers are nearest to 0: the mean of the pictures that the encoder was trained on. Without
    /// normalisation it is black.
    pub(crate) fn mean_colour(&self) -> [u8; 3] {
        std::array::from_fn(|channel| {
            let numbers = self.table(channel);
            let nearest = (0..=u8::MAX).min_by(|a, b| {
                let size = |pixel: u8| numbers[usize::from(pixel)].abs();
                size(*a).total_cmp(&size(*b))
            });
            nearest.unwrap_or_default()
        })
    }

    /// The number of each of the 256 values of a channel. NumPy scales in f64 and rounds to f32, then shifts in f32.
    fn table(&self, channel: usize) -> [f32; 256] {
        std::array::from_fn(|pixel| {
            let scaled = self.scale.map_or(pixel as f32, |scale| (pixel as f64 * scale) as f32);
            self.normalise.map_or(scaled, |(mean, std)| (scaled - mean[channel]) / std[channel])
        })
    }
}

/// The part of an axis of `side` pixels that is kept when the centre of `crop` pixels is cut out, and the number of
/// black pixels before it.
fn centre(side: usize, crop: usize) -> (Span, usize) {
    match side.checked_sub(crop) {
        Some(room) => (Span { resized: side, start: room / 2, length: crop }, 0),
        None => (Span::whole(side), (crop - side).div_ceil(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(side: usize) -> Preprocessing {
        Preprocessing {
            resize: Some((Resize::Shortest(side), Filter::Bicubic)),
            crop: Some((side, side)),
            scale: Some(1.0 / 255.0),
            normalise: None,
        }
    }

    #[test]
    fn wild_shapes_need_no_memory_for_the_whole() {
        // Resized as a whole, this picture would have 224 · 224 · 60,000 pixels.
        for (width, height) in [(60_000, 1), (1, 60_000)] {
            let image = RgbImage::from_pixel(width, height, image::Rgb([7, 8, 9]));
            let pixels = clip(224).pixels(&image);
            assert_eq!(pixels.dimensions(), (224, 224));
            assert!(pixels.pixels().all(|pixel| pixel.0 == [7, 8, 9]));
        }
    }

    #[test]
    fn the_mean_colour_becomes_nearly_zero() {
        let imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let preprocessing = Preprocessing { normalise: Some(imagenet), ..clip(4) };
        let mean = preprocessing.mean_colour();
        assert_eq!(mean, [124, 116, 104]);
        let numbers = preprocessing.numbers(&RgbImage::from_pixel(1, 1, image::Rgb(mean)));
        assert!(numbers.iter().all(|number| number.abs() < 0.01), "{numbers:?}");
        assert_eq!(clip(4).mean_colour(), [0; 3]);
    }

    #[test]
    fn small_pictures_get_black_edges() {
        let image = RgbImage::from_pixel(2, 6, image::Rgb([255; 3]));
        let pixels = Preprocessing { resize: None, crop: Some((3, 5)), ..clip(1) }.pixels(&image);
        let lit = |y| (0..5).map(|x| u8::from(pixels.get_pixel(x, y).0 == [255; 3])).collect::<Vec<_>>();
        assert_eq!((lit(0), lit(2)), (vec![0, 0, 1, 1, 0], vec![0, 0, 1, 1, 0]));
    }
}
