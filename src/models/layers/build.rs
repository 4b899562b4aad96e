//! The ways to build a model: against headers, from its data, and without a file.

use std::cell::RefCell;

use candle_core::Device;

use super::place::{Layers, Mode, State, Weight};
use crate::kernels::{Machine, Storage};
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// Numbers found by a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Tensors.
    pub tensors: usize,
    /// Numbers in all tensors together.
    pub parameters: u64,
}

/// Runs `build` against the headers only. Returns what `build` returned (its layers are hollow and must not be
/// used to compute anything) and the size of the model.
///
/// # Errors
/// [`LoadError::Tensors`] lists all tensors that do not fit.
pub(crate) fn check<T>(
    weights: &Weights,
    build: impl FnOnce(&Layers) -> Result<T, LoadError>,
) -> Result<(T, Size), LoadError> {
    let state = RefCell::new(State::default());
    let mode = Mode::Hollow;
    let built = build(&Layers { weights: Some(weights), mode: &mode, state: &state, prefix: String::new() })?;
    let mut state = state.into_inner();
    for (name, _) in weights.shapes() {
        if !state.taken.contains(name) {
            state.problems.unexpected.push(name.to_owned());
        }
    }
    if state.problems.is_empty() {
        return Ok((built, Size { tensors: state.taken.len(), parameters: state.parameters }));
    }
    state.problems.missing.sort_unstable();
    state.problems.misshapen.sort_unstable();
    Err(LoadError::Tensors { file: weights.source().to_owned(), problems: Box::new(state.problems) })
}

/// Checks, then builds the model with weights stored as said on `device` (norms in f32).
///
/// # Errors
/// As `check`; also if the file cannot be read or the device has no room.
pub(crate) fn load<T>(
    weights: &Weights,
    device: &Device,
    storage: Storage,
    make: impl Fn(&Layers) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    check(weights, &make)?;
    build(weights, device, storage, make)
}

/// Builds a model whose tensors were checked.
///
/// # Errors
/// A tensor that is gone, a file that cannot be read, a device without room.
pub(crate) fn build<T>(
    weights: &Weights,
    device: &Device,
    storage: Storage,
    make: impl Fn(&Layers) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let state = RefCell::new(State::default());
    let mode = Mode::Real { device: device.clone(), storage };
    make(&Layers { weights: Some(weights), mode: &mode, state: &state, prefix: String::new() })
}

/// Runs `build` without a file. Returns what it returned, whose layers are hollow and must not be used to compute
/// anything, and what its weights would need if they were stored as said on `machine`.
///
/// # Errors
/// Those of `build`, which there are none of without a file.
pub(crate) fn sketch<T>(
    machine: Machine,
    storage: Storage,
    build: impl FnOnce(&Layers) -> Result<T, LoadError>,
) -> Result<(T, Weight), LoadError> {
    let state = RefCell::new(State::default());
    let mode = Mode::Sketch { machine, storage };
    let built = build(&Layers { weights: None, mode: &mode, state: &state, prefix: String::new() })?;
    Ok((built, state.into_inner().weight))
}
