//! The one kind of image that is measured: 8-bit RGB.

use super::MetricError;

/// Borrowed 8-bit RGB pixels, `(height, width, 3)`, row by row; at least one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

impl<'a> Image<'a> {
    /// `pixels` are `height × width × 3` bytes.
    pub fn new(width: usize, height: usize, pixels: &'a [u8]) -> Result<Self, MetricError> {
        let wanted = width.checked_mul(height).and_then(|n| n.checked_mul(3));
        if wanted != Some(pixels.len()) || pixels.is_empty() {
            return Err(MetricError::NotAnImage { width, height, bytes: pixels.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, `(height, width, 3)`.
    #[must_use]
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// Refuses a pair of different sizes.
    pub(super) fn same_size(&self, other: &Image<'_>) -> Result<(), MetricError> {
        let (a, b) = ((self.width, self.height), (other.width, other.height));
        if a == b { Ok(()) } else { Err(MetricError::SizesDiffer { a, b }) }
    }
}

impl<'a> TryFrom<&'a image::RgbImage> for Image<'a> {
    type Error = MetricError;

    fn try_from(image: &'a image::RgbImage) -> Result<Self, MetricError> {
        Self::new(image.width() as usize, image.height() as usize, image.as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_bytes_must_fit() {
        assert!(Image::new(2, 1, &[0; 6]).is_ok());
        for (width, height, bytes) in [(2, 1, 5), (0, 0, 0), (0, 4, 0), (usize::MAX, 2, 6)] {
            assert!(Image::new(width, height, &vec![0; bytes]).is_err());
        }
    }
}
