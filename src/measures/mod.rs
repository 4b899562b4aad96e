//! What is measured on a cell: how alike images are, how far an adapter moves them, and what the losses say.
//!
//! | on two images | range | equal images | source |
//! |---|---|---|---|
//! | [`rmse()`] | 0..=1 | 0 | root of the mean squared difference, white − black = 1 |
//! | [`ssim()`] | −1..=1 | 1 | Wang et al. 2004 |
//! | [`ncc()`] | −1..=1 | 1 | zero-mean normalised cross-correlation of 64 × 64 thumbnails |
//!
//! None of them knows what an image shows: they compare pixels at the same place. An image encoder does; [`features`]
//! has the measures of its features.
//!
//! A [`Measure`] is a named number made of them. [`table`] lists all measures; the stage `evaluate`, `metrics.json`,
//! the CSV files and the tables of a report iterate that list. A new measure is its own file and its name in two
//! lines of `table/mod.rs`. [`verdict`] compares the numbers of trainings and says what they support.

pub mod collected;
mod error;
mod evaluation;
pub mod features;
mod inputs;
mod measure;
mod numbers;
pub mod probe_values;
mod quantile;
mod random;
pub mod record;
mod rmse;
mod similarity;
mod ssim;
pub mod table;
mod thumbnail;
pub mod verdict;
pub mod wilson;

pub use error::MeasureError;
pub use evaluation::Evaluation;
pub use inputs::{Cell, ImagePair, Losses};
pub use measure::{Better, Measure, Of};
pub use numbers::CellNumbers;
pub use rmse::rmse;
pub use similarity::{leave_one_out, ncc, nearest};
pub use ssim::ssim;
pub use thumbnail::Thumbnail;
