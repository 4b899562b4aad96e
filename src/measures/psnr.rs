//! Peak signal-to-noise ratio.

use super::{Image, MetricError, rmse};

/// `−20 log10(rmse)` in dB for 8-bit images (peak 255); infinite for equal images.
pub fn psnr(a: Image<'_>, b: Image<'_>) -> Result<f64, MetricError> {
    // −20 log10(0) is +∞.
    rmse(a, b).map(|rmse| -20.0 * rmse.log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_everywhere_is_48_db() {
        let (a, b) = ([100; 3], [101; 3]);
        let image = |pixels| Image::new(1, 1, pixels).expect("image");
        assert!((psnr(image(&a), image(&b)).expect("psnr") - 48.130_803_608_679_1).abs() < 1e-10);
        assert_eq!(psnr(image(&a), image(&a)), Ok(f64::INFINITY));
    }
}
