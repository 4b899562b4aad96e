//! The statistics of a group normalisation.

/// The mean and the variance of every image and group of channels, which a group normalisation normalises by.
#[derive(Clone, Debug, Default)]
pub struct GroupStatistics {
    /// One number for each group of each image.
    pub(crate) mean: Vec<f32>,
    /// As many numbers as `mean` has.
    pub(crate) variance: Vec<f32>,
}

impl GroupStatistics {
    /// Pools the statistics of tiles into those of the whole image. `parts` gives each tile's statistics and its number
    /// of pixels. `None` if there are no pixels, or if the tiles disagree on the number of images or groups.
    pub fn pooled<'a>(parts: impl IntoIterator<Item = (&'a Self, usize)> + Clone) -> Option<Self> {
        let pixels: usize = parts.clone().into_iter().map(|(_, pixels)| pixels).sum();
        let groups = parts.clone().into_iter().next()?.0.mean.len();
        if parts.clone().into_iter().any(|(part, _)| part.mean.len() != groups || part.variance.len() != groups) {
            return None;
        }
        let mean_of = |number: &dyn Fn(&Self) -> f64| {
            parts.clone().into_iter().map(|(part, pixels)| pixels as f64 * number(part)).sum::<f64>() / pixels as f64
        };
        let mut all = Self::default();
        for i in 0..groups {
            let mean = mean_of(&|part| f64::from(part.mean[i]));
            let square = |part: &Self| f64::from(part.variance[i]) + (f64::from(part.mean[i]) - mean).powi(2);
            all.variance.push(mean_of(&square) as f32);
            all.mean.push(mean as f32);
        }
        (pixels > 0).then_some(all)
    }
}
