//! Rules about single photos.

use super::finding::Finding;
use super::kind::Kind;
use super::usage::Usage;
use crate::photos::found::Scan;
use crate::photos::photo::Photo;

/// A photo is blurred if it has less than this share of the usual (median) sharpness. Measured on the 30 photos of
/// `experiments/data/shinchan` and 18 photos of toys: the least sharp good photo has 0.17. Blurred with a standard
/// deviation of 1.5 pixels at 256 pixels all have less than 0.05, with 1 pixel 45 of the 48 have less than 0.1.
const LEAST_SHARPNESS: f64 = 0.1;
/// Of fewer photos nobody knows what is usual.
const FEWEST_TO_COMPARE: usize = 3;
/// The crop takes much away if it takes more than this share: 16:9 loses 0.44 and counts, 3:2 loses 0.33 and 4:3 0.25.
const MOST_CROPPED: f64 = 0.35;
/// With a mask: the most of the subject that may lie outside of the crop.
const MOST_SUBJECT_LOST: f64 = 0.05;

/// Photos whose shorter side is smaller than the square.
pub(super) fn tiny(scan: &Scan, usage: &Usage) -> Vec<Finding> {
    let small = scan.photos.iter().filter(|photo| (photo.width.min(photo.height) as usize) < usage.resolution);
    let detail = |photo: &Photo| format!("{} × {} pixels for {}", photo.width, photo.height, usage.resolution);
    small.map(|photo| Finding::new(Kind::Tiny, vec![photo.name.clone()], detail(photo))).collect()
}

/// Photos that are much less sharp than the usual one.
pub(super) fn blurred(scan: &Scan) -> Vec<Finding> {
    let relative = |photo: &Photo| Some((photo.name.clone(), relative_sharpness(scan, photo)?));
    let blurred = scan.photos.iter().filter_map(relative).filter(|(_, sharpness)| *sharpness < LEAST_SHARPNESS);
    let detail = |sharpness: f64| format!("{:.1} % of the usual sharpness", 100.0 * sharpness);
    blurred.map(|(name, sharpness)| Finding::new(Kind::Blurred, vec![name], detail(sharpness))).collect()
}

/// A photo's sharpness as a multiple of the median of all; `None` with too few photos, or if most have no detail.
#[must_use]
pub fn relative_sharpness(scan: &Scan, photo: &Photo) -> Option<f64> {
    let mut all: Vec<f32> = scan.looks.values().map(|look| look.sharpness).collect();
    if all.len() < FEWEST_TO_COMPARE {
        return None;
    }
    all.sort_by(f32::total_cmp);
    let usual = f64::from(all[all.len() / 2]);
    let own = f64::from(scan.looks.get(&photo.hash)?.sharpness);
    (usual > 0.0).then(|| own / usual)
}

/// The share of a photo that the crop takes away.
#[must_use]
pub fn cropped_away(photo: &Photo, usage: &Usage) -> f64 {
    let (width, height) = usage.cut().size((photo.width, photo.height));
    let (own, cut) = (f64::from(photo.width) / f64::from(photo.height), width as f64 / height as f64);
    1.0 - own.min(cut) / own.max(cut)
}

/// The share of a photo's subject that the crop takes away; `None` without a mask.
#[must_use]
pub fn subject_lost(scan: &Scan, photo: &Photo, usage: &Usage) -> Option<f64> {
    let subject = &scan.masks.get(&photo.hash)?.subject;
    let size = (photo.width, photo.height);
    let (x, y) = usage.cut().spans(size, &photo.hash);
    let part = |span: crate::picture::Span| {
        let at = |position: usize| position as f64 / span.resized as f64;
        at(span.start)..at(span.start + span.length)
    };
    Some(subject.lost(part(x), part(y)))
}

/// Photos of which the crop takes much away: of the subject where a mask says what it is, else of the picture.
pub(super) fn cropped(scan: &Scan, usage: &Usage) -> Vec<Finding> {
    let of = |photo: &Photo| {
        let (kind, detail) = match subject_lost(scan, photo, usage) {
            Some(lost) if lost > MOST_SUBJECT_LOST => {
                (Kind::SubjectCut, format!("{:.0} % of the subject is outside", 100.0 * lost))
            }
            Some(_) => return None,
            None if cropped_away(photo, usage) > MOST_CROPPED => {
                (Kind::Cropped, format!("{:.0} % is cut away", 100.0 * cropped_away(photo, usage)))
            }
            None => return None,
        };
        Some(Finding::new(kind, vec![photo.name.clone()], detail))
    };
    scan.photos.iter().filter_map(of).collect()
}
