//! Measures of features: what an image encoder says of photos and images.
//!
//! A feature is a direction in the encoder's space, and the cosine of two features says how alike the encoder finds two
//! pictures: −1 to 1, and 1 for the same picture.

mod bootstrap;
mod cosine;
mod inputs;
mod nearest;

pub use bootstrap::lower_limit;
pub use cosine::{cosine, mean_cosine};
pub use inputs::{FeatureCell, FeatureImage, PhotoFeatures, Shows};
pub use nearest::{expected_largest, gap};
