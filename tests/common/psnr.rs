//! How alike two images are.

/// Peak signal-to-noise ratio in dB; equal images have 99.
pub(crate) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a.iter().zip(b).map(|(x, y)| f64::from(x.abs_diff(*y)).powi(2)).sum();
    if squares == 0.0 { 99.0 } else { 10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10() }
}
