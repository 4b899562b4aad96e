//! PNG files of drawings: a palette of 256 colours and one byte a pixel, before they are packed.

use std::borrow::Cow;
use std::collections::HashMap;

use image::{Rgb, RgbImage};

use super::png::encode;

/// A PNG has no larger palette.
const MOST: usize = 256;

/// A PNG of a drawing: the same bytes for the same pixels and texts on every machine, about a third of an RGB PNG. A
/// drawing with more than 256 colours, which have smooth edges, keeps its frequent ones; every other pixel takes the
/// nearest of these.
///
/// # Errors
/// A keyword that PNG does not allow, a picture without pixels.
pub fn encode_drawing(image: &RgbImage, texts: &[(&str, Cow<'_, str>)]) -> Result<Vec<u8>, png::EncodingError> {
    let palette = palette(image);
    let mut known = HashMap::new();
    let nearest = |colour: &Rgb<u8>| {
        let away = |other: &Rgb<u8>| -> i32 {
            colour.0.iter().zip(other.0).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum()
        };
        (0..palette.len()).min_by_key(|index| away(&palette[*index])).and_then(|index| u8::try_from(index).ok())
    };
    let index = |colour: &Rgb<u8>| *known.entry(*colour).or_insert_with(|| nearest(colour).unwrap_or(0));
    let pixels: Vec<u8> = image.pixels().map(index).collect();
    let colours: Vec<u8> = palette.iter().flat_map(|colour| colour.0).collect();
    encode((image.width(), image.height()), Some(&colours), &pixels, texts)
}

/// The colours of a picture, frequent ones first. If they are too many, those that are alike count as the most frequent
/// one of them.
fn palette(image: &RgbImage) -> Vec<Rgb<u8>> {
    let mut counts: HashMap<Rgb<u8>, u64> = HashMap::new();
    image.pixels().for_each(|colour| *counts.entry(*colour).or_default() += 1);
    if counts.len() > MOST {
        let mut alike: HashMap<[u8; 3], (u64, u64, Rgb<u8>)> = HashMap::new();
        for (colour, count) in counts {
            let (sum, most, first) = alike.entry(colour.0.map(|c| c >> 4)).or_insert((0, 0, colour));
            *sum += count;
            if (count, colour.0) > (*most, first.0) {
                (*most, *first) = (count, colour);
            }
        }
        counts = alike.into_values().map(|(sum, _, colour)| (colour, sum)).collect();
    }
    let mut colours: Vec<(u64, [u8; 3])> = counts.into_iter().map(|(colour, count)| (count, colour.0)).collect();
    colours.sort_unstable_by(|a, b| b.cmp(a));
    colours.into_iter().take(MOST).map(|(_, colour)| Rgb(colour)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::decode_png;

    #[test]
    fn few_colours_are_kept_exactly() {
        let image = RgbImage::from_fn(40, 30, |x, y| Rgb([(x % 16) as u8 * 16, (y % 16) as u8 * 16, 255]));
        let bytes = encode_drawing(&image, &[("Software", "runner".into())]).unwrap();
        assert_eq!(decode_png(&bytes).unwrap(), image);
        assert_eq!(bytes, encode_drawing(&image, &[("Software", "runner".into())]).unwrap());
    }

    #[test]
    fn of_many_colours_the_frequent_ones_stay() {
        // White paper, a red line, and all other colours once.
        let image = RgbImage::from_fn(256, 256, |x, y| match (x, y) {
            (_, 0..100) => Rgb([255, 255, 255]),
            (_, 100) => Rgb([213, 94, 1]),
            (x, y) => Rgb([x as u8, y as u8, (x * y) as u8]),
        });
        let small = decode_png(&encode_drawing(&image, &[]).unwrap()).unwrap();
        assert_eq!((small.get_pixel(3, 3), small.get_pixel(9, 100)), (image.get_pixel(3, 3), image.get_pixel(9, 100)));
        let colours: std::collections::BTreeSet<_> = small.pixels().map(|p| p.0).collect();
        assert!(colours.len() <= MOST && colours.len() > 200, "{}", colours.len());
        let error: f64 = image.iter().zip(small.iter()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        assert!((error / image.len() as f64).sqrt() < 16.0, "{error}");
    }
}
