//! Generated images and photos.

use crate::records::images::Group;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::measures::record::Values;

/// A set of images made by the base model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageSet {
    /// What distinguishes it from other sets of its kind; empty when there is only one.
    pub label: String,
    /// The images.
    pub images: Vec<Picture>,
    /// Indices of the cells that share it.
    pub cells: Vec<usize>,
    /// Why it is missing.
    pub problem: Option<Problem>,
}

/// One generated image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// PNG, relative to the report, forward slashes.
    pub file: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Prompt as given to the text encoder.
    pub prompt: String,
    /// Position of the prompt in its group's list; rows of different cells are matched by it.
    pub prompt_index: usize,
    /// Seed of the starting noise.
    pub seed: u64,
    /// Which list of prompts it belongs to.
    pub group: Group,
    /// Most similar training photo; index into `StudyData::photos`.
    pub nearest_photo: Option<usize>,
    /// Its measured numbers.
    pub values: Values,
}

/// One photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhotoData {
    /// First 16 hex digits of the blake3 hash of the user's file.
    pub hash: String,
    /// File name relative to the photo folder.
    pub name: String,
    /// The square crop that was trained on, relative to the report; `None` until it is prepared.
    pub file: Option<String>,
    /// Pixels of the crop.
    pub width: u32,
    /// Pixels of the crop.
    pub height: u32,
    /// Sidecar caption.
    pub caption: Option<String>,
}

/// The image of a group, prompt and seed among `pictures`.
#[must_use]
pub fn find(pictures: &[Picture], group: Group, prompt_index: usize, seed: u64) -> Option<&Picture> {
    pictures.iter().find(|p| p.group == group && p.prompt_index == prompt_index && p.seed == seed)
}
