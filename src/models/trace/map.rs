//! A tensor without numbers.

use std::rc::Rc;

use super::meter::Held;
use crate::models::steps::Sides;

/// A tensor without numbers: its dimensions, and the bytes that it holds. A clone holds the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    dims: Vec<usize>,
    /// Which result of a recorded kernel it is; `None` if no gradient is wanted.
    pub(crate) id: Option<usize>,
    _held: Rc<Held>,
}

impl Map {
    pub(super) fn new(dims: &[usize], id: Option<usize>, held: Held) -> Self {
        Self { dims: dims.to_vec(), id, _held: Rc::new(held) }
    }

    /// The dimensions, channels last.
    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The channels.
    pub(crate) fn channels(&self) -> usize {
        self.dims.last().copied().unwrap_or(0)
    }

    /// The dimensions with another number of channels.
    pub(crate) fn with_channels(&self, channels: usize) -> Vec<usize> {
        let mut dims = self.dims.clone();
        if let Some(last) = dims.last_mut() {
            *last = channels;
        }
        dims
    }

    /// The numbers of all but the last dimension.
    pub(crate) fn rows(&self) -> usize {
        self.numbers() / self.channels().max(1)
    }

    /// All numbers.
    pub(crate) fn numbers(&self) -> usize {
        self.dims.iter().product()
    }

    /// The same bytes as another tensor.
    pub(super) fn with_id(&self, id: usize) -> Self {
        Self { id: Some(id), ..self.clone() }
    }
}

impl Sides for Map {
    fn sides(&self) -> candle_core::Result<(usize, usize)> {
        match self.dims.as_slice() {
            [_, height, width, _] => Ok((*height, *width)),
            dims => candle_core::bail!("a feature map has four dimensions, not {dims:?}"),
        }
    }
}
