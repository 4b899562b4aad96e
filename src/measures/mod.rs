//! Pure maths on pixels and samples: how alike two images are, and whether two groups of numbers differ.
//!
//! | metric | range | equal images | source |
//! |---|---|---|---|
//! | [`rmse()`] | 0..=1 | 0 | root of the mean squared difference, white − black = 1 |
//! | [`psnr()`] | dB | ∞ | −20 log10 of `rmse` |
//! | [`ssim()`] | −1..=1 | 1 | Wang et al. 2004 |
//! | [`ncc()`] | −1..=1 | 1 | zero-mean normalised cross-correlation of 64 × 64 thumbnails |
//!
//! None of them knows what an image shows: they compare pixels at the same place. Metrics that need an image encoder
//! come later and are files of their own.
//!
//! # Is a model copying its photos?
//! [`nearest`] finds the training photo most like a generated image. The number alone says little, because photos of
//! one subject are like each other already. Compare it with two ceilings: [`leave_one_out`] of the training photos
//! (how like the rest is a real photo?) and [`nearest`] of the held-out photos (how like the training photos is a new
//! real photo, against the same number of references?). Generated images nearer than real photos ever are were copied.

mod error;
mod image;
mod ncc;
mod permutation;
mod psnr;
mod rmse;
mod ssim;
mod summary;
mod thumbnail;
mod welch;

pub use error::MetricError;
pub use image::Image;
pub use ncc::{Mirrors, leave_one_out, ncc, nearest};
pub use permutation::{paired_permutation_test, permutation_test};
pub use psnr::psnr;
pub use rmse::rmse;
pub use ssim::ssim;
pub use summary::Summary;
pub use thumbnail::Thumbnail;
pub use welch::{Welch, welch};
