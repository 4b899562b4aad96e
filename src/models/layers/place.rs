//! A place in a model's tree of names, and the tensors that are taken from there.

use std::cell::RefCell;
use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};

use crate::kernels::{Machine, Packing, Storage, activation_dtype};
use crate::tensors::LoadError;
use crate::tensors::TensorProblems;
use crate::tensors::Weights;

/// What weights would need, from configurations alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes of all weights as they are stored.
    pub bytes: u64,
    /// Numbers of the largest tensor, which is in memory more than once while it is read.
    pub largest: u64,
}

/// What a build found.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) taken: BTreeSet<String>,
    pub(super) parameters: u64,
    pub(super) problems: TensorProblems,
    pub(super) weight: Weight,
}

/// What a build looks at: headers, nothing, or the data.
#[derive(Debug)]
pub(super) enum Mode {
    Hollow,
    Sketch { machine: Machine, storage: Storage },
    Real { device: Device, storage: Storage },
}

/// A place in the tree of names, from which layers can be taken.
pub(crate) struct Layers<'a> {
    pub(super) weights: Option<&'a Weights>,
    pub(super) mode: &'a Mode,
    pub(super) state: &'a RefCell<State>,
    pub(super) prefix: String,
}

impl Layers<'_> {
    /// The place `name` below this one; `name` may have dots and numbers.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Self { prefix, ..*self }
    }

    /// The full name of this place.
    pub(crate) fn name(&self) -> &str {
        &self.prefix
    }

    /// Whether the file has a tensor of that name below this place.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.weights.is_some_and(|weights| weights.contains(&self.at(name).prefix))
    }

    /// Where the weights go.
    pub(crate) fn device(&self) -> Device {
        match self.mode {
            Mode::Hollow | Mode::Sketch { .. } => Device::Cpu,
            Mode::Real { device, .. } => device.clone(),
        }
    }

    /// The type of the activations that go with these weights.
    pub(crate) fn activation_dtype(&self) -> DType {
        match self.mode {
            Mode::Hollow | Mode::Sketch { .. } => DType::F32,
            Mode::Real { device, storage } => activation_dtype(device, storage.dtype),
        }
    }

    pub(super) fn packing(&self) -> Packing {
        match self.mode {
            Mode::Hollow | Mode::Sketch { .. } => Packing::Fast,
            Mode::Real { storage, .. } => storage.packing,
        }
    }

    /// A tensor that may be in the file and is not needed.
    pub(crate) fn ignore(&self, name: &str) {
        self.state.borrow_mut().taken.insert(self.at(name).prefix);
    }

    /// Adds what a layer's weights need, whose largest tensor has so many numbers.
    pub(super) fn weigh(&self, numbers: usize, bytes: impl FnOnce(Machine, Storage) -> u64) {
        if let Mode::Sketch { machine, storage } = self.mode {
            let mut state = self.state.borrow_mut();
            state.weight.bytes += bytes(*machine, *storage);
            state.weight.largest = state.weight.largest.max(numbers as u64);
        }
    }

    /// The same for a tensor that is stored as it is.
    pub(super) fn weigh_tensor(&self, shape: &[usize]) {
        let numbers = shape.iter().product();
        self.weigh(numbers, |_, storage| (numbers * storage.dtype.size_in_bytes()) as u64);
    }

    /// The tensor, or nothing when only names and shapes are looked at. The first of `shapes` is what messages ask for.
    pub(super) fn take(
        &self,
        name: &str,
        shapes: &[&[usize]],
        dtype: Option<DType>,
    ) -> Result<Option<Tensor>, LoadError> {
        self.take_to(name, shapes, &self.device(), dtype)
    }

    /// Like [`take`](Self::take), for another device.
    pub(super) fn take_to(
        &self,
        name: &str,
        shapes: &[&[usize]],
        device: &Device,
        dtype: Option<DType>,
    ) -> Result<Option<Tensor>, LoadError> {
        let full = format!("{}.{name}", self.prefix);
        match self.mode {
            Mode::Hollow | Mode::Sketch { .. } => {
                let Some(weights) = self.weights else { return Ok(None) };
                let mut state = self.state.borrow_mut();
                state.taken.insert(full.clone());
                match weights.entry(&full) {
                    None => state.problems.missing.push((full, shapes[0].to_vec())),
                    Some(entry) if !shapes.contains(&entry.shape.as_slice()) => {
                        state.problems.misshapen.push((full, shapes[0].to_vec(), entry.shape.clone()));
                    }
                    Some(entry) if crate::tensors::weights::float_type(&entry.dtype).is_none() => {
                        state.problems.mistyped.push((full, entry.dtype.clone()));
                    }
                    Some(entry) => state.parameters += entry.shape.iter().map(|d| *d as u64).product::<u64>(),
                }
                Ok(None)
            }
            Mode::Real { storage, .. } => {
                let tensor = match self.weights {
                    Some(weights) => weights.read(&full, device, dtype.unwrap_or(storage.dtype))?,
                    None => None,
                };
                tensor.map(Some).ok_or_else(|| LoadError::Invalid {
                    file: self.source(),
                    reason: format!("tensor {full:?} is gone"),
                })
            }
        }
    }

    fn source(&self) -> std::path::PathBuf {
        self.weights.map(|weights| weights.source().to_owned()).unwrap_or_default()
    }

    pub(super) fn finish<T>(&self, make: impl FnOnce() -> candle_core::Result<T>) -> Result<T, LoadError> {
        make().map_err(|source| LoadError::Tensor {
            file: self.source(),
            source: Box::new(source.context(format!("layer {}", self.prefix))),
        })
    }
}
