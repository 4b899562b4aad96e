//! The sizes of work, by which its memory is predicted.

use super::super::gradients::Recompute;
use super::super::trace::Adapters;

/// The sizes of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainSizes {
    /// Pixels of a photo's sides, height first.
    pub pixels: (usize, usize),
    /// Samples of a forward pass: photos and class images.
    pub batch: usize,
    /// Forward passes of an optimizer step.
    pub passes: usize,
    /// Optimizer steps.
    pub steps: usize,
    /// The adapter.
    pub adapter: Adapters,
    /// Bytes that the optimizer, and a running mean of the weights, remember of each of its numbers.
    pub remembered: u64,
    /// Whether the text encoders are trained, too.
    pub text: bool,
    /// Whether blocks are computed again.
    pub recompute: Recompute,
    /// Photos and class images, whose latents are all in memory.
    pub items: usize,
    /// Samples on which the probe loss is measured.
    pub probed: usize,
}

/// The sizes of drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawSizes {
    /// Pixels of an image's sides, height first.
    pub pixels: (usize, usize),
    /// Images at once, as the user wants them.
    pub wanted: usize,
    /// Images of one prompt: more do not go together.
    pub images: usize,
    /// Whether there is guidance, which takes two samples for an image.
    pub guided: bool,
    /// The training whose adapter is used, if there is one.
    pub adapter: Option<TrainSizes>,
}
