//! Has an image collapsed: is it black, of one colour, or noise?
//!
//! The base model's images on the same noise say what is usual. An image counts as collapsed if it has much less
//! contrast than nearly all of them, or if neighbouring pixels have as little to do with each other as those of noise.

use image::RgbImage;

use crate::measures::inputs::{Cell, mean};
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::quantile::quantile;
use crate::measures::record::Values;

/// This quantile of the base model's contrasts is the least that is usual. Half of it is clearly too little: of few
/// images the quantile is nearly the smallest, and sound images fall below that by chance.
const RARE: f64 = 0.01;
/// Neighbouring pixels of white noise have a roughness of 1; those of pictures, below a half.
const NOISE: f64 = 0.75;

const CONTRAST: Measure = Measure {
    name: "contrast",
    note: "Standard deviation of the pixels of an image, 0 to 1: root of the mean variance of the three colours. 0 is \
           one colour.",
    better: Better::Neither,
    floor: Some(BASE.name),
    ceiling: &[],
    of: Of::Image(|pair| Ok(contrast(&pair.image))),
};

const BASE: Measure = Measure {
    name: "baseline_contrast",
    note: "The same of the base model's image on the same noise.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::Image(|pair| Ok(contrast(&pair.base))),
};

const ROUGHNESS: Measure = Measure {
    name: "roughness",
    note: "Mean squared difference of neighbouring pixels, divided by twice the variance of an image: near 0 for \
           smooth pictures, 1 for noise.",
    floor: None,
    of: Of::Image(|pair| Ok(roughness(&pair.image))),
    ..CONTRAST
};

/// Three numbers of an image, then that of a cell.
pub(super) const MEASURES: &[Measure] = &[
    CONTRAST,
    BASE,
    ROUGHNESS,
    Measure {
        name: "collapsed",
        note: "Share of the images that have collapsed: less contrast than half of the first percentile of the base \
               model's images on the same prompts and noise, or pixels like noise.",
        better: Better::Lower,
        floor: None,
        of: Of::Cell(collapsed),
        ..CONTRAST
    },
];

/// The variance of the pixels, mean over the colours; `None` without pixels. Sums are exact, so that one colour has 0.
fn variance(image: &RgbImage) -> Option<f64> {
    let count = u64::from(image.width()) * u64::from(image.height());
    let of_colour = |colour: usize| {
        let (mut sum, mut squares) = (0_u64, 0_u64);
        for pixel in image.pixels() {
            let level = u64::from(pixel.0[colour]);
            sum += level;
            squares += level * level;
        }
        let spread = u128::from(count) * u128::from(squares) - u128::from(sum) * u128::from(sum);
        spread as f64 / (count as f64 * 255.0).powi(2)
    };
    if count == 0 { None } else { mean((0..3).map(of_colour)) }
}

fn contrast(image: &RgbImage) -> Option<f64> {
    variance(image).map(f64::sqrt)
}

/// `None` for an image of one colour, or of one pixel.
fn roughness(image: &RgbImage) -> Option<f64> {
    let (width, height) = image.dimensions();
    let mut differences = Vec::new();
    for (x, y, pixel) in image.enumerate_pixels() {
        let right = (x + 1 < width).then(|| image.get_pixel(x + 1, y));
        let below = (y + 1 < height).then(|| image.get_pixel(x, y + 1));
        for neighbour in right.into_iter().chain(below) {
            let squared = |(a, b): (&u8, &u8)| ((f64::from(*a) - f64::from(*b)) / 255.0).powi(2);
            differences.extend(pixel.0.iter().zip(&neighbour.0).map(squared));
        }
    }
    let variance = variance(image).filter(|variance| *variance > 0.0)?;
    Some(mean(differences)? / (2.0 * variance))
}

fn collapsed(cell: &Cell<'_>) -> Option<f64> {
    let mut usual: Vec<f64> = cell.subject.iter().filter_map(|values| BASE.value(values)).collect();
    usual.sort_by(f64::total_cmp);
    let least = quantile(&usual, RARE)?;
    let is_collapsed = |values: &Values| {
        let flat = CONTRAST.value(values).is_none_or(|contrast| contrast < least / 2.0);
        flat || ROUGHNESS.value(values).is_some_and(|roughness| roughness > NOISE)
    };
    mean(cell.subject.iter().map(|values| f64::from(u8::from(is_collapsed(values)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn flat_and_noisy_images_are_told_from_pictures() {
        let flat = RgbImage::from_pixel(16, 16, Rgb([255, 7, 100]));
        assert_eq!((contrast(&flat), roughness(&flat)), (Some(0.0), None));
        let mut state = 1_u32;
        let noise = RgbImage::from_fn(64, 64, |_, _| {
            Rgb([0; 3].map(|_: u8| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        });
        let ramp = RgbImage::from_fn(64, 64, |x, y| Rgb([(2 * (x + y)) as u8; 3]));
        assert!((roughness(&noise).expect("defined") - 1.0).abs() < 0.05);
        assert!(roughness(&ramp).expect("defined") < 0.01 && contrast(&ramp).expect("defined") > 0.1);
        assert_eq!((contrast(&RgbImage::new(0, 0)), roughness(&RgbImage::new(1, 1))), (None, None));
    }

    #[test]
    fn a_cell_counts_its_collapsed_images() {
        let values = |contrast: f64, roughness: f64| {
            let numbers = [("contrast", contrast), ("baseline_contrast", 0.2), ("roughness", roughness)];
            numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Values>()
        };
        let subject = vec![values(0.3, 0.1), values(0.01, 0.1), values(0.3, 0.9), values(0.2, 0.2)];
        assert_eq!(collapsed(&Cell { subject, ..Cell::default() }), Some(0.5));
        assert_eq!(collapsed(&Cell::default()), None);
        assert_eq!((quantile(&[1.0, 2.0, 4.0], 0.75), quantile(&[], 0.5)), (Some(3.0), None));
    }
}
