//! Packed weights for both directions: for the layer, and for the gradient of its input.

use std::sync::OnceLock;

use super::panels::Panels;
use super::view::View;

/// A stack of matrices, and their transposes, which send gradients back. Large matrices are transposed whenever they
/// are read. For small ones a transposed copy is kept: small models have few rows, too few to pay for transposing each
/// time.
#[derive(Debug)]
pub(crate) struct TwoWay {
    panels: Panels,
    /// Matrix `i` of the way back is the transpose of matrix `back[i].0`, times `back[i].1`.
    back: Vec<(usize, f32)>,
    /// The numbers of the largest stack for which a transposed copy is kept.
    largest_kept: usize,
    /// The transposed copy. It is made when it is first needed.
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

    /// How many matrices there are in each direction.
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
            // `get_or_init` will not do: several threads transpose, and one of them might come here in the meantime.
            let _ = self.turned.set(self.panels.transpose(&self.back));
        }
        match self.turned.get() {
            Some(turned) => turned.matrix(index),
            None => unreachable!("it was set above"),
        }
    }
}
