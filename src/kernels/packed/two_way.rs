//! Packed weights for a layer and for the gradient of its input.

use std::sync::OnceLock;

use super::panels::Panels;
use super::view::View;

/// A stack of matrices, and the transposed matrices that send gradients back. Large ones are transposed while they are read; of small
/// ones a transposed copy is kept, as small models have few rows to pay for transposing in every call.
#[derive(Debug)]
pub(crate) struct TwoWay {
    panels: Panels,
    /// Matrix `i` of the way back is matrix `back[i].0` transposed, times `back[i].1`.
    back: Vec<(usize, f32)>,
    /// Numbers of the largest stack of which a copy is kept.
    largest_kept: usize,
    /// Made when first asked for.
    turned: OnceLock<Panels>,
}

impl TwoWay {
    pub(crate) fn new(panels: Panels, back: Vec<(usize, f32)>, largest_kept: usize) -> Self {
        Self { panels, back, largest_kept, turned: OnceLock::new() }
    }

    /// The matrices as they were packed.
    pub(crate) fn panels(&self) -> &Panels {
        &self.panels
    }

    /// How many matrices there are each way.
    pub(crate) fn count(&self) -> usize {
        self.back.len()
    }

    /// A matrix of the way forward.
    pub(crate) fn forward(&self, index: usize) -> View<'_> {
        self.panels.matrix(index)
    }

    /// A matrix of the way back.
    pub(crate) fn backward(&self, index: usize) -> View<'_> {
        if self.count() * self.panels.n * self.panels.k > self.largest_kept {
            let (matrix, scale) = self.back[index];
            return self.panels.transposed(matrix, scale);
        }
        if self.turned.get().is_none() {
            // Not inside `get_or_init`: transposing runs on several threads, one of which might come here meanwhile.
            let _ = self.turned.set(self.panels.transpose(&self.back));
        }
        match self.turned.get() {
            Some(turned) => turned.matrix(index),
            None => unreachable!("it was set above"),
        }
    }
}
