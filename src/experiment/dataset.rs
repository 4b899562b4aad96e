//! `[dataset]`: which photos, how many, how they are cropped.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bounds::MAX_SEED;
use super::paths::{missing, resolve};
use super::problem::Problem;
use super::reader::Reader;
use crate::choice::Crop;

/// More folders of photos in one list are a mistake.
const MAX_FOLDERS: usize = 1000;

/// `[dataset]`: which photos, how many, how they are cropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Folders (or single files), walked recursively. Absolute.
    pub images: Vec<PathBuf>,
    /// Folder with masks of the subject. Absolute. `None`: masks lie beside their photos, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<PathBuf>,
    /// How many photos the cell trains on.
    pub size: usize,
    /// How many photos no cell trains on.
    pub held_out: usize,
    /// Side of the square training crop in pixels.
    pub resolution: usize,
    /// Where the square is cut out.
    pub crop: Crop,
    /// `photo.txt` beside `photo.jpg` wins over the instance prompt.
    pub captions: bool,
    /// Half of the samples are mirror images.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random_flip: bool,
    /// Photos keep their shape, as far as the sides' steps allow, at about as many pixels as the square has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aspect_buckets: bool,
    /// Orders the photos: the first `size` are trained on, the last `held_out` are held out.
    pub seed: u64,
}

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Dataset> {
    let images = read_images(reader);
    let masks = read_masks(reader);
    let size = reader.whole_or("dataset.size", 1..=1_000_000, "10");
    let held_out = reader.count("dataset.held_out", 0..=1_000_000);
    let resolution = reader.side("dataset.resolution");
    let crop = reader.choice("dataset.crop");
    let captions = reader.flag("dataset.captions");
    let random_flip = reader.flag("dataset.random_flip");
    let aspect_buckets = reader.flag("dataset.aspect_buckets");
    let seed = reader.whole("dataset.seed", 0..=MAX_SEED);
    Some(Dataset {
        images: images?,
        masks: masks?,
        size: usize::try_from(size?).ok()?,
        held_out: held_out?,
        resolution: resolution?,
        crop: crop?,
        captions: captions?,
        random_flip: random_flip?,
        aspect_buckets: aspect_buckets?,
        seed: seed?,
    })
}

/// The folder of masks, if the setting names one.
fn read_masks(reader: &mut Reader<'_>) -> Option<Option<PathBuf>> {
    const KEY: &str = "dataset.masks";
    if reader.entry(KEY).is_none() {
        return Some(None);
    }
    let text = reader.text(KEY, "\"masks\"")?;
    let origin = reader.entry(KEY)?.origin.clone();
    let path = resolve(&text, &origin);
    if text.is_empty() || !path.is_dir() {
        reader.push(missing(KEY, &text, &path, &origin, &Path::is_dir).expected("a folder of masks"));
        return None;
    }
    Some(Some(path))
}

fn read_images(reader: &mut Reader<'_>) -> Option<Vec<PathBuf>> {
    let texts = reader.texts("dataset.images", "\"photos\"")?;
    if texts.is_empty() {
        let place = reader.place("dataset.images");
        reader.push(Problem::error(place, "`dataset.images` is empty").expected("at least one folder of photos"));
        return None;
    }
    if texts.len() > MAX_FOLDERS {
        let message = format!("`dataset.images` has {} folders", texts.len());
        let problem = Problem::error(reader.place("dataset.images"), message);
        reader.push(problem.expected(format!("at most {MAX_FOLDERS}")));
        return None;
    }
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut complete = true;
    for (text, origin) in &texts {
        let path = resolve(text, origin);
        if text.is_empty() || !path.exists() {
            reader.push(missing("dataset.images", text, &path, origin, &Path::is_dir).expected("a folder of photos"));
            complete = false;
        } else if paths.contains(&path) {
            let message = format!("`dataset.images` names {text} twice");
            reader.push(Problem::error(origin.value(), message).help("remove one of them"));
            complete = false;
        }
        paths.push(path);
    }
    complete.then_some(paths)
}
