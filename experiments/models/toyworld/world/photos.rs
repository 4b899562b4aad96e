//! The sample photos of the demo study: 30 JPEGs of the subject, like photos of a real camera.
//!
//! The study picks its subsets by [`runner::photos::order`], a hash of the files' content. Here every rank has a plan
//! (place, pose, shirt, size, EXIF orientation), and outfits and views are drawn until one's file hashes to that rank.
//! So with `dataset.seed = 0` the first 5, the first 15 and the 5 held-out photos are varied, and so is any mixture.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use image::{
    DynamicImage, ExtendedColorType, ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder, metadata::Orientation,
};
use rayon::prelude::*;

use crate::{
    color::Color,
    identity::Identity,
    motif::Tags,
    outfit::{Headwear, Held, Pose},
    place::Place,
    render,
    sample::{self, Wish},
};

const COUNT: usize = 30;
const QUALITY: u8 = 92;
/// Not the beach, not the forest: the study's prompts ask for them.
const PLACES: [Place; 6] = [Place::Garden, Place::City, Place::Table, Place::Plain, Place::Snow, Place::Night];
const POSES: [Pose; 5] = [Pose::Stand, Pose::Wave, Pose::Walk, Pose::Sit, Pose::ArmsUp];
/// The attributes a photo must not have by chance.
const EXTRAS: [&str; 5] = ["headwear", "held", "sunglasses", "scarf", "cape"];

/// What the photo of one rank shows.
struct Plan {
    place: Place,
    pose: Pose,
    shirt: Color,
    /// One thing to wear or hold, and its label.
    extra: Option<(&'static str, &'static str)>,
    width: usize,
    height: usize,
    orientation: Orientation,
}

impl Plan {
    fn of(rank: usize) -> Self {
        let extra = match rank {
            4 => Some(("held", Held::Balloon.name())),
            8 => Some(("headwear", Headwear::Cap.name())),
            11 => Some(("scarf", "yes")),
            13 => Some(("held", Held::Flower.name())),
            17 => Some(("sunglasses", "yes")),
            19 => Some(("headwear", Headwear::PartyHat.name())),
            22 => Some(("held", Held::Ball.name())),
            24 => Some(("cape", "yes")),
            27 => Some(("held", Held::Flag.name())),
            _ => None,
        };
        let (width, height) = match rank % 5 {
            1 => (256, 320),
            3 => (320, 256),
            _ => (256, 256),
        };
        let orientation = match rank {
            6 | 28 => Orientation::Rotate90,
            11 => Orientation::Rotate270,
            20 => Orientation::Rotate180,
            _ => Orientation::NoTransforms,
        };
        Self {
            place: match PLACES[(rank + rank / 6) % 6] {
                // Two nights are enough of the dark.
                Place::Night if matches!(rank, 10 | 15 | 20) => Place::Plain,
                place => place,
            },
            pose: POSES[rank * 2 % 5],
            shirt: Color::ALL[(rank * 3 + rank / 11) % 11],
            extra,
            width,
            height,
            orientation,
        }
    }

    fn wish(&self) -> Wish {
        let asked = |name| if self.extra.is_some_and(|(extra, _)| extra == name) { 1.0 } else { 0.0 };
        Wish {
            identity: Some(Identity::subject()),
            per_person: None,
            places: vec![self.place],
            figurine_rate: 1.0,
            headwear_rate: asked("headwear"),
            held_rate: asked("held"),
            identifier: None,
        }
    }

    fn accepts(&self, labels: &Tags) -> bool {
        let is = |name: &str, value: &str| labels.get(name).is_some_and(|label| label == value);
        let extra = |name: &&str| match self.extra {
            Some((asked, value)) if asked == *name => is(name, value),
            _ => !labels.contains_key(name),
        };
        is("pose", self.pose.name()) && is("shirt", self.shirt.name()) && EXTRAS.iter().all(extra)
    }
}

/// Writes `00.jpg` … `29.jpg` in the order of rank and checks that the runner ranks them so.
pub fn write(folder: &Path, seed: u64) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let files: Vec<Vec<u8>> = (0..COUNT).into_par_iter().map(|rank| photo(rank, seed)).collect::<Result<_>>()?;
    for (rank, file) in files.iter().enumerate() {
        fs::write(folder.join(format!("{rank:02}.jpg")), file)?;
    }
    let photos = runner::photos::scan(&[folder.to_path_buf()], None)?.photos;
    let names: Vec<&str> = runner::photos::order(&photos, 0).into_iter().map(|i| photos[i].name.as_str()).collect();
    ensure!(names.len() == COUNT && names.is_sorted(), "the runner ranks the photos otherwise: {names:?}");
    Ok(())
}

/// The first photo of the plan whose file has this rank.
fn photo(rank: usize, seed: u64) -> Result<Vec<u8>> {
    let plan = Plan::of(rank);
    let wish = plan.wish();
    let rank = rank as u64;
    for item in 0..10_000_000 {
        let sample = sample::sample(&wish, seed, (rank << 32) | item);
        if plan.accepts(&sample.labels) {
            let pixels = render::render(&sample.scene, plan.width, plan.height);
            let file = jpeg(pixels, plan.width, plan.height, plan.orientation)?;
            if (position(&file) * COUNT as u128) >> 64 == u128::from(rank) {
                return Ok(file);
            }
        }
    }
    anyhow::bail!("no photo of rank {rank} found")
}

/// Where a file with this content stands in the runner's order of seed 0: 0 is the start, 2⁶⁴ the end.
fn position(file: &[u8]) -> u128 {
    let rank = runner::photos::rank(0, blake3::hash(file).to_hex().as_str());
    rank[..8].iter().fold(0, |position, byte| position << 8 | u128::from(*byte))
}

/// A JPEG whose pixels are stored turned, and whose EXIF orientation turns them back.
fn jpeg(pixels: Vec<u8>, width: usize, height: usize, orientation: Orientation) -> Result<Vec<u8>> {
    let upright = RgbImage::from_raw(u32::try_from(width)?, u32::try_from(height)?, pixels).context("wrong size")?;
    let mut stored = DynamicImage::from(upright);
    stored.apply_orientation(match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        same => same,
    });
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
    if orientation != Orientation::NoTransforms {
        encoder.set_exif_metadata(exif(orientation.to_exif()))?;
    }
    encoder.write_image(stored.as_bytes(), stored.width(), stored.height(), ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// A TIFF header and one directory with one entry: orientation (0x0112), one SHORT.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_subsets_are_varied() {
        let different = |ranks: std::ops::Range<usize>, what: fn(&Plan) -> u8| {
            ranks.map(|rank| what(&Plan::of(rank))).collect::<std::collections::BTreeSet<_>>().len()
        };
        for ranks in [0..5, 25..30] {
            assert_eq!(different(ranks.clone(), |plan| plan.place as u8), 5);
            assert_eq!(different(ranks.clone(), |plan| plan.pose as u8), 5);
            assert_eq!(different(ranks, |plan| plan.shirt as u8), 5);
        }
        assert_eq!(different(0..11, |plan| plan.shirt as u8), 11);
    }

    #[test]
    fn orientation_turns_the_stored_pixels_upright() {
        use image::ImageDecoder;
        let (width, height) = (8, 16);
        // Dark above, bright below.
        let pixels: Vec<u8> =
            (0..width * height * 3).map(|i| if i < width * height * 3 / 2 { 20 } else { 230 }).collect();
        for orientation in [Orientation::Rotate90, Orientation::Rotate180, Orientation::Rotate270] {
            let file = jpeg(pixels.clone(), width, height, orientation).expect("encodes");
            let mut decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(file)).expect("a JPEG");
            let read = decoder.orientation().expect("EXIF");
            assert_eq!(read, orientation);
            let mut picture = DynamicImage::from_decoder(decoder).expect("decodes");
            picture.apply_orientation(read);
            let picture = picture.to_rgb8();
            assert_eq!(picture.dimensions(), (8, 16));
            assert!(picture.get_pixel(4, 1).0[0] < 60 && picture.get_pixel(4, 14).0[0] > 190, "{orientation:?}");
        }
    }
}
