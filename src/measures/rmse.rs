//! Root mean squared difference.

use super::{Image, MetricError};

/// `sqrt(mean((a − b)²)) / 255` over all pixels and channels: 0 for equal images, 1 for black against white.
///
/// Sums whole numbers, so the order of addition does not matter.
pub fn rmse(a: Image<'_>, b: Image<'_>) -> Result<f64, MetricError> {
    a.same_size(&b)?;
    let squares = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    Ok((squares.sum::<u64>() as f64 / a.pixels().len() as f64).sqrt() / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_one_apart() {
        let (black, white) = ([0; 12], [255; 12]);
        let image = |pixels| Image::new(2, 2, pixels).expect("image");
        assert_eq!(rmse(image(&black), image(&white)), Ok(1.0));
        assert_eq!(rmse(image(&white), image(&white)), Ok(0.0));
        let error = rmse(image(&black), Image::new(4, 1, &white).expect("image")).expect_err("sizes");
        assert_eq!(error.to_string(), "images of 2 × 2 and 4 × 1 pixels cannot be compared");
    }
}
