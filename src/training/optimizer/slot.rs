//! What an optimizer remembers of a variable.

use candle_core::{DType, Device, Result, Tensor, Var};

/// A tensor that an optimizer remembers of a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// No optimizer uses a name that another one uses for something else.
    pub name: &'static str,
    /// Type of its numbers.
    pub dtype: DType,
    /// Its shape.
    pub dims: Vec<usize>,
}

impl Slot {
    /// One f32 number for each number of the variable.
    pub(super) fn like(name: &'static str, variable: &Var) -> Self {
        Self { name, dtype: DType::F32, dims: variable.dims().to_vec() }
    }

    /// `length` numbers.
    pub(super) fn of(name: &'static str, dtype: DType, length: usize) -> Self {
        Self { name, dtype, dims: vec![length] }
    }

    /// The tensor before the first step.
    pub(super) fn zeros(&self, device: &Device) -> Result<Tensor> {
        Tensor::zeros(self.dims.as_slice(), self.dtype, device)
    }
}
