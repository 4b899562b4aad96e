//! Structural similarity.

use image::RgbImage;

use super::error::MeasureError;

/// Side of the window in pixels.
const WINDOW: usize = 11;
/// Standard deviation of the Gaussian window in pixels.
const SIGMA: f64 = 1.5;
/// (K1 L)² and (K2 L)² with K1 = 0.01, K2 = 0.03, L = 255.
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Mean structural similarity of two images of at least 11 × 11 pixels, −1..=1, 1 for equal images.
///
/// Per channel and window, with Gaussian-weighted means μ, variances σ² and covariance σ_ab:
/// `(2 μ_a μ_b + C1)(2 σ_ab + C2) / ((μ_a² + μ_b² + C1)(σ_a² + σ_b² + C2))`, averaged over the windows that lie wholly
/// inside the image, then over the three channels. Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, *Image quality
/// assessment: from error visibility to structural similarity*, IEEE TIP 13(4), 2004, equation 13.
/// Equals scikit-image's `structural_similarity(a, b, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5,
/// use_sample_covariance=False)`.
///
/// # Errors
/// The images have different sizes, or are smaller than the window.
pub fn ssim(a: &RgbImage, b: &RgbImage) -> Result<f64, MeasureError> {
    if a.dimensions() != b.dimensions() {
        return Err(MeasureError::SizesDiffer { a: a.dimensions(), b: b.dimensions() });
    }
    let ((width, height), window) = (a.dimensions(), WINDOW as u32);
    if width.min(height) < window {
        return Err(MeasureError::TooSmall { width, height, window });
    }
    let channels = (0..3).map(|channel| {
        let plane = |image: &RgbImage| {
            image.as_raw().iter().skip(channel).step_by(3).map(|&v| f64::from(v)).collect::<Vec<_>>()
        };
        ssim_of_planes(&plane(a), &plane(b), width as usize)
    });
    Ok(channels.sum::<f64>() / 3.0)
}

fn ssim_of_planes(a: &[f64], b: &[f64], width: usize) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<_>>();
    let mean_a = blur(a, width);
    let mean_b = blur(b, width);
    let mean_aa = blur(&product(a, a), width);
    let mean_bb = blur(&product(b, b), width);
    let mean_ab = blur(&product(a, b), width);
    let windows = mean_a.len();
    let values = (0..windows).map(|i| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let (var_a, var_b, cov) = (mean_aa[i] - ma * ma, mean_bb[i] - mb * mb, mean_ab[i] - ma * mb);
        (2.0 * ma * mb + C1) * (2.0 * cov + C2) / ((ma * ma + mb * mb + C1) * (var_a + var_b + C2))
    });
    values.sum::<f64>() / windows as f64
}

/// Gaussian-weighted means of all whole windows: `(height, width)` → `(height − 10, width − 10)`.
fn blur(plane: &[f64], width: usize) -> Vec<f64> {
    let weights = gaussian();
    let inner = width + 1 - WINDOW;
    let dot = |window: &[f64]| window.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>();
    let rows: Vec<f64> = plane.chunks_exact(width).flat_map(|row| row.windows(WINDOW).map(dot)).collect();
    let height = rows.len() / inner;
    let mut out = vec![0.0; (height + 1 - WINDOW) * inner];
    for (y, out) in out.chunks_exact_mut(inner).enumerate() {
        for (row, weight) in rows[y * inner..].chunks_exact(inner).zip(&weights) {
            out.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    out
}

fn gaussian() -> [f64; WINDOW] {
    let raw: [f64; WINDOW] = std::array::from_fn(|i| {
        let x = i as f64 - (WINDOW / 2) as f64;
        (-0.5 * (x / SIGMA).powi(2)).exp()
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|w| w / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_are_one_and_small_ones_refused() {
        let pixels = |count: usize| (0..count * 3).map(|i| (i * 37 % 251) as u8).collect::<Vec<_>>();
        let image = RgbImage::from_raw(11, 12, pixels(11 * 12)).expect("image");
        assert!((ssim(&image, &image).expect("ssim") - 1.0).abs() < 1e-12);
        let small = RgbImage::from_raw(10, 13, pixels(10 * 13)).expect("image");
        assert!(matches!(ssim(&small, &small), Err(MeasureError::TooSmall { window: 11, .. })));
    }
}
