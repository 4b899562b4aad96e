//! Copies that were cut: a photo that shows a part of another one, whatever was done to it besides.
//!
//! A first look compares the whole of one photo with some hundred windows of the other, as 8 × 8 cells. The best
//! window is then moved and stretched in small steps until it fits best, as 16 × 16 and at last as 32 × 32 cells.

use std::sync::LazyLock;

use rayon::prelude::*;

use super::thumbnail::{SIDE, Thumbnail, Window, correlation, mirrored};

/// One minus the correlation of a copy with its place in the original is at most this. Measured on the 30 photos of
/// `experiments/data/shinchan` and 18 pictures of toys: saved again at quality 20, an eighth of the size, blurred,
/// brighter, mirrored, cut by 15 % on every side or by 40 % on one, or several of these at once, at most 0.014; with
/// much more contrast up to 0.057, which is not always found. Two different photos of the same figurine have at least
/// 0.053, two camera photos of one toy at least 0.08, two drawings of one cartoon on white paper at least 0.035.
const LARGEST_DISTANCE: f32 = 0.025;
/// The same for the first look, where a cut copy is off by up to half a step: at most 0.135 on the same pictures.
const FIRST_LOOK: f32 = 0.15;
/// Sides of the views, in cells.
const VIEWS: [usize; 3] = [8, 16, 32];
/// Cells from one window of the first look to the next.
const STEP: f64 = 4.0;
/// A copy shows at least this much of each side of its original, and this much of the area.
const LEAST_SIDE: f64 = 0.55;
const LEAST_AREA: f64 = 0.47;
/// With more photos this would take minutes.
pub(in crate::photos) const MOST_PHOTOS: usize = 500;

/// Two photos, by index, of which one was made from the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::photos) struct Pair {
    pub(in crate::photos) first: usize,
    pub(in crate::photos) second: usize,
    pub(in crate::photos) mirrored: bool,
}

/// Finds copies among photos, in the order of the first and then of the second. Of more than [`MOST_PHOTOS`] photos
/// those after them are not looked at.
pub(in crate::photos) fn pairs(thumbnails: &[&Thumbnail]) -> Vec<Pair> {
    let prepared: Vec<Prepared> = thumbnails.par_iter().take(MOST_PHOTOS).map(|one| Prepared::new(one)).collect();
    let one = |original: usize| {
        let windows = prepared[original].windows();
        let others = (0..prepared.len()).filter(move |other| *other != original);
        let found = others.filter_map(|other| {
            let (distance, mirrored) = prepared[original].distance(&windows, &prepared[other])?;
            let pair = Pair { first: original.min(other), second: original.max(other), mirrored };
            (distance <= LARGEST_DISTANCE).then_some(pair)
        });
        found.collect::<Vec<_>>()
    };
    let mut pairs: Vec<Pair> = (0..prepared.len()).into_par_iter().flat_map_iter(one).collect();
    pairs.sort_by_key(|pair| (pair.first, pair.second, pair.mirrored));
    pairs.dedup_by_key(|pair| (pair.first, pair.second));
    pairs
}

/// The windows of the first look.
static WINDOWS: LazyLock<Vec<Window>> = LazyLock::new(|| {
    let side = SIDE as f64;
    let steps = |least: f64| (0..).map(|i| side - f64::from(i) * STEP).take_while(move |&length| length >= least);
    let starts = move |length: f64| (0..).map(|i| f64::from(i) * STEP).take_while(move |start| start + length <= side);
    let sizes = steps(LEAST_SIDE * side).flat_map(|w| steps(LEAST_SIDE * side).map(move |h| (w, h)));
    let large = sizes.filter(|(w, h)| w * h >= LEAST_AREA * side * side);
    let windows = large.flat_map(|(w, h)| starts(w).flat_map(move |x| starts(h).map(move |y| Window([x, y, w, h]))));
    windows.collect()
});

/// A photo with its views.
struct Prepared {
    sums: super::thumbnail::Sums,
    /// The whole photo for each of [`VIEWS`], and mirrored; `None` if it has too little detail.
    whole: Option<[[Vec<f32>; 3]; 2]>,
}

impl Prepared {
    fn new(thumbnail: &Thumbnail) -> Self {
        let sums = thumbnail.sums();
        let views = VIEWS.map(|side| sums.view(Window::WHOLE, side));
        let whole = match views {
            [Some(a), Some(b), Some(c)] => {
                let turned = [mirrored(&a, VIEWS[0]), mirrored(&b, VIEWS[1]), mirrored(&c, VIEWS[2])];
                Some([[a, b, c], turned])
            }
            _ => None,
        };
        Self { sums, whole }
    }

    /// Views for the first look, one after the other.
    fn windows(&self) -> Vec<f32> {
        let none = || vec![0.0; VIEWS[0] * VIEWS[0]];
        WINDOWS.iter().flat_map(|window| self.sums.view(*window, VIEWS[0]).unwrap_or_else(none)).collect()
    }

    /// How far `other` is from the part of this photo that it fits best, and whether it is mirrored. `None` if the
    /// first look finds no such part. `windows` are this photo's.
    fn distance(&self, windows: &[f32], other: &Self) -> Option<(f32, bool)> {
        let [plain, turned] = other.whole.as_ref()?;
        let nearest = |views: &[Vec<f32>; 3]| {
            let fits = windows.chunks_exact(VIEWS[0] * VIEWS[0]).map(|window| correlation(window, &views[0]));
            let (best, fit) = fits.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
            (1.0 - fit <= FIRST_LOOK).then(|| 1.0 - self.closest(WINDOWS[best], views))
        };
        let found = [(plain, false), (turned, true)];
        let found = found.into_iter().filter_map(|(views, mirrored)| Some((nearest(views)?, mirrored)));
        found.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The largest correlation with the whole of another photo that windows near `start` reach.
    fn closest(&self, start: Window, views: &[Vec<f32>; 3]) -> f32 {
        let (window, fit) = self.climb(start, VIEWS[1], &views[1], 0.25);
        // A copy is near already: the last view tells it apart.
        if 1.0 - fit > 2.0 * LARGEST_DISTANCE { fit } else { self.climb(window, VIEWS[2], &views[2], 0.125).1 }
    }

    /// Moves and stretches a window as long as it fits better, in steps down to `least` cells.
    fn climb(&self, mut window: Window, side: usize, view: &[f32], least: f64) -> (Window, f32) {
        const MOVES: [[f64; 4]; 12] = [
            [1.0, 0.0, -1.0, 0.0],
            [-1.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, -1.0, 0.0],
            [1.0, 0.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, -1.0],
            [0.0, -1.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, -1.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, -1.0, 0.0, 0.0],
        ];
        let fit = |window: Window| self.sums.view(window, side).map_or(-1.0, |seen| correlation(&seen, view));
        let mut best = fit(window);
        let mut step = STEP / 2.0;
        while step >= least {
            let mut better = false;
            for direction in MOVES {
                let moved = Window(std::array::from_fn(|i| window.0[i] + step * direction[i]));
                if !is_allowed(moved) {
                    continue;
                }
                let new = fit(moved);
                // The least gain ends the climb on a plain.
                if new > best + 1e-5 {
                    (best, window, better) = (new, moved, true);
                }
            }
            if !better {
                step /= 2.0;
            }
        }
        (window, best)
    }
}

fn is_allowed(Window([x, y, width, height]): Window) -> bool {
    let side = SIDE as f64;
    let inside = x >= 0.0 && y >= 0.0 && x + width <= side && y + height <= side;
    let least = LEAST_SIDE * side;
    inside && width >= least && height >= least && width * height >= LEAST_AREA * side * side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::check::demo::{photo, saved};
    use crate::photos::check::grey::Grey;
    use image::RgbImage;
    use image::imageops::{self, FilterType};

    fn thumbnail(image: &RgbImage) -> Thumbnail {
        Thumbnail::of(&Grey::of(image))
    }

    fn found(images: &[&RgbImage]) -> Vec<(usize, usize, bool)> {
        let thumbnails: Vec<Thumbnail> = images.iter().map(|image| thumbnail(image)).collect();
        let pairs = pairs(&thumbnails.iter().collect::<Vec<_>>());
        pairs.into_iter().map(|pair| (pair.first, pair.second, pair.mirrored)).collect()
    }

    /// Cuts hundredths off the left, the top, the right and the bottom.
    fn cut(image: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> RgbImage {
        let (w, h) = image.dimensions();
        let (x, y) = (w * left / 100, h * top / 100);
        imageops::crop_imm(image, x, y, w - x - w * right / 100, h - y - h * bottom / 100).to_image()
    }

    #[test]
    fn different_photos_of_one_figurine_are_no_copies() {
        let photos: Vec<RgbImage> = (0..30).map(photo).collect();
        assert_eq!(found(&photos.iter().collect::<Vec<_>>()), []);
    }

    #[test]
    fn cut_copies_are_found_whatever_else_was_done() {
        for number in [1, 12, 26] {
            let photo = photo(number);
            let (w, h) = photo.dimensions();
            let small = |image: &RgbImage, by: u32| {
                imageops::resize(image, image.width() / by, image.height() / by, FilterType::Triangle)
            };
            let part = cut(&photo, [8, 3, 6, 5]);
            for (what, copy) in [
                ("saved", saved(&photo, 20)),
                ("small", small(&photo, 4)),
                ("wide", imageops::resize(&photo, 2 * w, h, FilterType::Triangle)),
                ("blurred", imageops::blur(&photo, 2.0)),
                ("brighter", imageops::brighten(&photo, 20)),
                ("cut a little", cut(&photo, [3, 0, 7, 2])),
                ("cut all round", cut(&photo, [15, 15, 15, 15])),
                ("cut on one side", cut(&photo, [35, 0, 0, 0])),
                ("cut unevenly", cut(&photo, [11, 2, 4, 13])),
                ("cut and saved", saved(&small(&part, 2), 30)),
            ] {
                assert_eq!(found(&[&photo, &copy]), [(0, 1, false)], "{number} {what}");
                assert_eq!(found(&[&copy, &photo]), [(0, 1, false)], "{number} {what}");
            }
            assert_eq!(found(&[&photo, &imageops::flip_horizontal(&part)]), [(0, 1, true)], "{number}");
        }
    }

    #[test]
    fn pictures_without_detail_are_no_copies() {
        let flat = RgbImage::from_pixel(90, 60, image::Rgb([200; 3]));
        assert_eq!(found(&[&flat, &flat]), []);
        assert_eq!(found(&[&RgbImage::new(1, 1), &photo(2), &flat]), []);
    }
}
