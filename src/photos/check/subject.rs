//! Where in a photo its subject lies, by a mask, and how much of it a crop takes away.

use std::ops::Range;

use image::RgbImage;

use crate::photos::hex;

/// Strips from left to right and from top to bottom.
const STRIPS: usize = 64;

/// How much of the subject lies in each strip of the photo. Whiter counts more.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::photos) struct Subject {
    /// Mean of the mask, 0 to 1: the share of the photo that is subject.
    pub(in crate::photos) share: f32,
    /// Share of the subject in each strip, from left to right.
    columns: Vec<f32>,
    /// The same from top to bottom.
    rows: Vec<f32>,
}

impl Subject {
    /// Reads a grey mask; `None` if it is black all over. Only the red channel counts.
    pub(in crate::photos) fn of(mask: &RgbImage) -> Option<Self> {
        let (width, height) = (mask.width() as usize, mask.height() as usize);
        let (mut columns, mut rows) = (vec![0.0f64; STRIPS], vec![0.0f64; STRIPS]);
        let mut across = vec![0u64; width];
        for (y, row) in mask.as_raw().chunks_exact(3 * width).enumerate() {
            let mut sum = 0;
            for (column, &[value, ..]) in across.iter_mut().zip(row.as_chunks::<3>().0) {
                *column += u64::from(value);
                sum += u64::from(value);
            }
            spread(&mut rows, y, height, sum);
        }
        let total: u64 = across.iter().sum();
        across.iter().enumerate().for_each(|(x, &sum)| spread(&mut columns, x, width, sum));
        let shares = |strips: Vec<f64>| strips.iter().map(|strip| (strip / total as f64) as f32).collect();
        let share = (total as f64 / (255 * width * height) as f64) as f32;
        (total > 0).then(|| Self { share, columns: shares(columns), rows: shares(rows) })
    }

    /// The share of the subject outside of a crop; `x` and `y` are what it keeps of the photo's sides, from 0 to 1.
    pub(super) fn lost(&self, x: Range<f64>, y: Range<f64>) -> f64 {
        let kept = |strips: &[f32], range: &Range<f64>| -> f64 {
            let part = |i: usize| {
                let (start, end) = (i as f64 / STRIPS as f64, (i + 1) as f64 / STRIPS as f64);
                (range.end.min(end) - range.start.max(start)).max(0.0) * STRIPS as f64
            };
            strips.iter().enumerate().map(|(i, &share)| f64::from(share) * part(i)).sum()
        };
        // A square crop cuts one side only; the other factor is 1.
        (1.0 - kept(&self.columns, &x) * kept(&self.rows, &y)).clamp(0.0, 1.0)
    }

    /// As hexadecimal digits.
    pub(in crate::photos) fn to_text(&self) -> String {
        let numbers = std::iter::once(&self.share).chain(&self.columns).chain(&self.rows);
        numbers.map(|number| hex::to_text(&number.to_be_bytes())).collect()
    }

    /// Reads [`Subject::to_text`].
    pub(in crate::photos) fn parse(text: &str) -> Option<Self> {
        let bytes = hex::parse(text)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect();
        let whole = rest.is_empty() && numbers.len() == 1 + 2 * STRIPS && numbers.iter().all(|n| n.is_finite());
        let (columns, rows) = numbers.get(1..).filter(|_| whole)?.split_at(STRIPS);
        Some(Self { share: numbers[0], columns: columns.to_vec(), rows: rows.to_vec() })
    }
}

/// Adds a line of pixels to the strips it lies in.
fn spread(strips: &mut [f64], line: usize, lines: usize, sum: u64) {
    let (start, end) = (line as f64 / lines as f64 * STRIPS as f64, (line + 1) as f64 / lines as f64 * STRIPS as f64);
    let (first, after) = (start as usize, (end.ceil() as usize).min(STRIPS));
    for (strip, held) in strips.iter_mut().enumerate().take(after).skip(first) {
        let inside = end.min((strip + 1) as f64) - start.max(strip as f64);
        *held += sum as f64 * inside.max(0.0) / (end - start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White between these columns of 100, black elsewhere.
    fn mask(white: Range<u32>, height: u32) -> Subject {
        let shade = |x: u32| if white.contains(&x) { 255 } else { 0 };
        Subject::of(&RgbImage::from_fn(100, height, |x, _| image::Rgb([shade(x); 3]))).expect("white")
    }

    #[test]
    fn what_lies_outside_is_lost() {
        let subject = mask(60..100, 50);
        assert!((subject.share - 0.4).abs() < 1e-6);
        let lost = |x: Range<f64>| subject.lost(x, 0.0..1.0);
        assert!((lost(0.25..0.75) - 25.0 / 40.0).abs() < 0.02, "{}", lost(0.25..0.75));
        assert!(lost(0.5..1.0) < 1e-6 && lost(0.0..0.5) > 1.0 - 1e-6);
        assert!(subject.lost(0.0..1.0, 0.0..1.0) < 1e-6);
        assert!((subject.lost(0.0..1.0, 0.0..0.5) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn masks_of_any_size_add_up() {
        for (width, height) in [(1, 1), (3, 200), (64, 64), (65, 63), (1000, 2)] {
            let subject = Subject::of(&RgbImage::from_pixel(width, height, image::Rgb([200; 3]))).expect("grey");
            for strips in [&subject.columns, &subject.rows] {
                assert!(strips.iter().all(|share| (share * 64.0 - 1.0).abs() < 1e-4), "{width} × {height}");
            }
        }
        assert_eq!(Subject::of(&RgbImage::new(5, 5)), None);
    }

    #[test]
    fn a_subject_survives_as_text() {
        let subject = mask(3..50, 9);
        let text = subject.to_text();
        assert_eq!(Subject::parse(&text), Some(subject));
        for bad in ["", "zz", &text[8..], &format!("{text}00000000")] {
            assert_eq!(Subject::parse(bad), None);
        }
    }
}
