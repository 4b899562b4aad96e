//! Root mean squared difference of two images.

use image::RgbImage;

use super::error::MeasureError;

/// `sqrt(mean((a − b)²)) / 255` over all pixels and channels: 0 for equal images, 1 for black against white.
///
/// It sums whole numbers, so the order of addition does not matter.
///
/// # Errors
/// The images have different sizes.
pub fn rmse(a: &RgbImage, b: &RgbImage) -> Result<f64, MeasureError> {
    if a.dimensions() != b.dimensions() {
        return Err(MeasureError::SizesDiffer { a: a.dimensions(), b: b.dimensions() });
    }
    let squares = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    Ok((squares.sum::<u64>() as f64 / a.as_raw().len() as f64).sqrt() / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_one_apart() {
        let image = |width, height, level| RgbImage::from_pixel(width, height, image::Rgb([level; 3]));
        let (black, white) = (image(2, 2, 0), image(2, 2, 255));
        assert_eq!(rmse(&black, &white), Ok(1.0));
        assert_eq!(rmse(&white, &white), Ok(0.0));
        let error = rmse(&black, &image(4, 1, 255)).expect_err("sizes");
        assert_eq!(error.to_string(), "images of 2 × 2 and 4 × 1 pixels cannot be compared");
    }
}
