//! A photo in grey at a fixed scale: what sharpness and likeness are measured on.

use image::RgbImage;

/// The shorter side of the small picture, in pixels. A smaller photo keeps its size.
pub(super) const SHORT: usize = 256;
/// The longer side at most: bounds the memory for a photo that is very long.
const LONGEST: usize = 4096;

/// Brightness (ITU-R BT.601), 0 to 255, row by row.
pub(in crate::photos) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) cells: Vec<f32>,
}

impl Grey {
    /// The photo, made smaller until its shorter side has [`SHORT`] pixels. Each cell is the mean of the pixels it
    /// touches.
    pub(in crate::photos) fn of(image: &RgbImage) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let (short, long) = (width.min(height).max(1), width.max(height).max(1));
        let scale = (SHORT as f64 / short as f64).min(LONGEST as f64 / long as f64).min(1.0);
        let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let mut small = Self { width: side(width), height: side(height), cells: Vec::new() };
        let columns: Vec<_> = (0..small.width).map(|x| span(x, small.width, width)).collect();
        small.cells.reserve(small.width * small.height);
        let mut sums = vec![0u32; width];
        for y in 0..small.height {
            let rows = span(y, small.height, height);
            sums.fill(0);
            for row in rows.clone() {
                let (pixels, _) = image.as_raw()[3 * row * width..3 * (row + 1) * width].as_chunks::<3>();
                for (sum, &[r, g, b]) in sums.iter_mut().zip(pixels) {
                    *sum += (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 8;
                }
            }
            small.cells.extend(columns.iter().map(|columns| {
                let sum: u64 = sums[columns.clone()].iter().map(|&sum| u64::from(sum)).sum();
                (sum as f64 / (125 * columns.len() * rows.len()) as f64) as f32
            }));
        }
        small
    }
}

/// The pixels that a cell touches.
pub(super) fn span(cell: usize, cells: usize, pixels: usize) -> std::ops::Range<usize> {
    cell * pixels / cells..((cell + 1) * pixels).div_ceil(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_photos_get_smaller_and_small_ones_keep_their_size() {
        let sizes = [(1000, 500), (256, 300), (3, 2), (20_000, 300), (60_000, 1)];
        let of = |(w, h)| Grey::of(&RgbImage::from_pixel(w, h, image::Rgb([10, 20, 30])));
        let found = sizes.map(|size| (of(size).width, of(size).height));
        assert_eq!(found, [(512, 256), (256, 300), (3, 2), (4096, 61), (4096, 1)]);
        let grey = of((1000, 500));
        assert!(grey.cells.iter().all(|&value| (value - 18.15).abs() < 0.2), "{}", grey.cells[0]);
    }

    #[test]
    fn cells_are_means() {
        let stripes = RgbImage::from_fn(512, 512, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
        assert!(Grey::of(&stripes).cells.iter().all(|&value| (value - 100.0).abs() < 0.2));
    }
}
