//! A small picture of a photo that stays nearly the same when the photo is saved again, resized, turned or made grey.

use image::RgbImage;

use super::{hex, light};

/// Cells from left to right and from top to bottom.
const SIDE: usize = 16;
const CELLS: usize = SIDE * SIDE;
/// Smallest standard deviation of the cells, in grey levels: a flatter picture has too little detail to compare.
pub(super) const LEAST_DETAIL: f64 = 3.0;
/// One minus the correlation of two pictures of the same photo is at most this. Measured on the 30 photos of
/// `experiments/data/shinchan`: saved again at quality 20, resized to an eighth, grey, brighter, with other contrast,
/// blurred, turned or mirrored at most 0.006, cut by 1 % on each side at most 0.011; two different photos of the same
/// figurine, in any turn, at least 0.079.
const LARGEST_DISTANCE: f64 = 0.02;

/// Brightness of 16 × 16 cells without its mean and slope, so that light does not count; the standard deviation is
/// [`UNIT`]. All zero if there is too little detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([i8; CELLS]);

/// Standard deviation of a fingerprint; four times as much still fits into 8 bits.
const UNIT: f64 = 31.0;

/// How a picture is turned relative to another one that shows the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Upright, or turned by a multiple of 90°.
    Plain,
    /// Mirrored, and perhaps turned.
    Mirrored,
}

impl Fingerprint {
    pub(super) fn of(image: &RgbImage) -> Self {
        let mut cells = means(image);
        light::remove(&mut cells, SIDE);
        let deviation = light::deviation(&cells);
        if deviation < LEAST_DETAIL {
            return Self([0; CELLS]);
        }
        Self(cells.map(|v| (v / deviation * UNIT).round().clamp(-127.0, 127.0) as i8))
    }

    /// How `other` is turned, if it shows the same picture; otherwise `None`.
    pub(super) fn same_picture(&self, other: &Self) -> Option<Turn> {
        let size = |cells: &[i8; CELLS]| f64::from(dot(cells, cells));
        let norm = (size(&self.0) * size(&other.0)).sqrt();
        if norm == 0.0 {
            return None;
        }
        // For every turn, these sums differ by no more than the cells do: a quick first test.
        let (a, b) = (self.folded(), other.folded());
        let apart: f64 = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
        let furthest = size(&self.0) + size(&other.0) - 2.0 * norm * (1.0 - LARGEST_DISTANCE);
        if apart > furthest {
            return None;
        }
        let near = |cells: &[i8; CELLS]| f64::from(dot(cells, &other.0)) >= norm * (1.0 - LARGEST_DISTANCE);
        let mut turned = self.0;
        for _ in 0..4 {
            if near(&turned) {
                return Some(Turn::Plain);
            }
            turned = rearranged(&turned, |x, y| (y, SIDE - 1 - x));
        }
        turned = rearranged(&turned, |x, y| (SIDE - 1 - x, y));
        for _ in 0..4 {
            if near(&turned) {
                return Some(Turn::Mirrored);
            }
            turned = rearranged(&turned, |x, y| (y, SIDE - 1 - x));
        }
        None
    }

    /// One number for each set of cells that turns and mirrors exchange: their sum over the root of their number.
    fn folded(&self) -> [f64; SIDE * SIDE / 4] {
        let mut sums = [0.0; CELLS / 4];
        let mut counts = [0.0f64; CELLS / 4];
        for (i, value) in self.0.iter().enumerate() {
            let edge = |at: usize| at.min(SIDE - 1 - at);
            let (x, y) = (edge(i % SIDE), edge(i / SIDE));
            let set = x.min(y) * SIDE / 2 + x.max(y);
            sums[set] += f64::from(*value);
            counts[set] += 1.0;
        }
        std::array::from_fn(|i| sums[i] / counts[i].max(1.0).sqrt())
    }

    /// As hexadecimal digits.
    pub(super) fn to_text(&self) -> String {
        hex::to_text(&self.0.map(i8::cast_unsigned))
    }

    /// Reads [`Fingerprint::to_text`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; CELLS] = hex::parse(text)?.try_into().ok()?;
        Some(Self(bytes.map(u8::cast_signed)))
    }
}

fn dot(a: &[i8; CELLS], b: &[i8; CELLS]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

fn rearranged(cells: &[i8; CELLS], from: impl Fn(usize, usize) -> (usize, usize)) -> [i8; CELLS] {
    std::array::from_fn(|i| {
        let (x, y) = from(i % SIDE, i / SIDE);
        cells[y * SIDE + x]
    })
}

/// Mean brightness (ITU-R BT.601) of each cell; a pixel on an edge counts in both cells.
fn means(image: &RgbImage) -> [f64; CELLS] {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let span = |cell: usize, side: usize| cell * side / SIDE..((cell + 1) * side).div_ceil(SIDE);
    std::array::from_fn(|i| {
        let (columns, rows) = (span(i % SIDE, width), span(i / SIDE, height));
        let mut sum = 0;
        for y in rows.clone() {
            let row = &image.as_raw()[3 * (y * width + columns.start)..3 * (y * width + columns.end)];
            let (pixels, _) = row.as_chunks::<3>();
            let light = |&[r, g, b]: &[u8; 3]| 299 * u64::from(r) + 587 * u64::from(g) + 114 * u64::from(b);
            sum += pixels.iter().map(light).sum::<u64>();
        }
        sum as f64 / (1000 * columns.len() * rows.len()).max(1) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops;

    fn demo(number: usize) -> RgbImage {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/experiments/data/shinchan/{number:02}.jpg");
        image::open(path).expect("a demo photo").into_rgb8()
    }

    #[test]
    fn the_photos_of_the_demo_are_all_different() {
        let prints: Vec<Fingerprint> = (0..30).map(|i| Fingerprint::of(&demo(i))).collect();
        for (i, a) in prints.iter().enumerate() {
            assert_eq!(a.same_picture(a), Some(Turn::Plain), "{i}");
            for (j, b) in prints.iter().enumerate().skip(i + 1) {
                assert_eq!(a.same_picture(b), None, "{i} and {j}");
            }
        }
    }

    #[test]
    fn edited_copies_are_known() {
        for number in [2, 11, 25] {
            let photo = demo(number);
            let (print, (w, h)) = (Fingerprint::of(&photo), photo.dimensions());
            let is = |edited: &RgbImage| Fingerprint::of(edited).same_picture(&print);
            let mut jpeg = Vec::new();
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 30).encode_image(&photo).expect("encode");
            let jpeg = image::load_from_memory(&jpeg).expect("decode").into_rgb8();
            let grey = image::DynamicImage::ImageLuma8(imageops::grayscale(&photo)).into_rgb8();
            for edited in [
                jpeg,
                grey,
                imageops::resize(&photo, w / 2, h / 3, imageops::FilterType::Triangle),
                imageops::resize(&photo, w * 2, h * 2, imageops::FilterType::Triangle),
                imageops::brighten(&photo, 20),
                imageops::blur(&photo, 2.0),
                imageops::crop_imm(&photo, 1, 1, w - 2, h - 2).to_image(),
                imageops::rotate90(&photo),
                imageops::rotate180(&photo),
                imageops::rotate270(&photo),
            ] {
                assert_eq!(is(&edited), Some(Turn::Plain), "{number} {:?}", edited.dimensions());
            }
            assert_eq!(is(&imageops::flip_horizontal(&photo)), Some(Turn::Mirrored));
            assert_eq!(is(&imageops::rotate90(&imageops::flip_horizontal(&photo))), Some(Turn::Mirrored));
        }
    }

    #[test]
    fn pictures_without_detail_are_like_no_other() {
        let flat = |grey: u8| Fingerprint::of(&RgbImage::from_pixel(3, 2, image::Rgb([grey; 3])));
        assert_eq!(flat(1).same_picture(&flat(1)), None);
        // Skies: the light falls off to the side, more or less.
        let sky = |step: u32| RgbImage::from_fn(64, 64, |x, _| image::Rgb([(x * step / 2) as u8; 3]));
        assert_eq!(Fingerprint::of(&sky(4)).same_picture(&Fingerprint::of(&sky(5))), None);
        assert_eq!(Fingerprint::of(&RgbImage::new(1, 1)), flat(9));
    }

    #[test]
    fn a_fingerprint_survives_as_text() {
        let print = Fingerprint::of(&demo(0));
        assert_eq!(Fingerprint::parse(&print.to_text()), Some(print.clone()));
        for bad in ["", "zz", &print.to_text()[1..], &format!("{}00", print.to_text())] {
            assert_eq!(Fingerprint::parse(bad), None);
        }
    }
}
