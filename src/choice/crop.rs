//! Where a photo is cut.

use super::words::{Choice, written_as_word};

/// Where the square is cut out of the resized photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crop {
    /// The middle.
    Center,
    /// A place drawn from the dataset seed and the photo's content; fixed for the whole study.
    Random,
}

impl Choice for Crop {
    const NOUN: &'static str = "crop";
    const ALL: &'static [(&'static str, Self)] = &[("center", Self::Center), ("random", Self::Random)];
}

written_as_word!(Crop);
