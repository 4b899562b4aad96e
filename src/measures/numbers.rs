//! The numbers of a cell's images, for measures that compare groups of prompts.

use super::features::Shows;
use super::inputs::mean;
use super::record::Values;

/// The numbers of a cell's images, each with what its prompt asks for.
#[derive(Clone, Debug, Default)]
pub struct CellNumbers<'a> {
    /// One entry for each image.
    pub images: Vec<(Shows, &'a Values)>,
}

impl CellNumbers<'_> {
    /// The mean of a number over the images that show that.
    #[must_use]
    pub fn mean(&self, shows: Shows, name: &str) -> Option<f64> {
        mean(self.images.iter().filter(|image| image.0 == shows).filter_map(|image| image.1.get(name).copied()))
    }
}
