//! Puts a model's layers together from its weights, and finds every tensor that does not fit.
//!
//! A model's constructor asks `Layers` for each layer by name and size. The constructor runs twice on
//! loading: first against the headers alone, which collects every missing, superfluous or misshapen
//! tensor at once and builds hollow layers (sizes without numbers) that are thrown away, then against the
//! data. `check` does the first half only, in milliseconds for any model. `sketch` builds hollow layers without a file
//! and adds up what the weights would need.

use std::cell::RefCell;
use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};

use crate::kernels::{
    Conv2d, Dense, GroupNorm, LayerNorm, Linear, Machine, Packing, Padding, Storage, activation_dtype,
};
use crate::tensors::LoadError;
use crate::tensors::TensorProblems;
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

/// What weights would need, from configurations alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes of all weights as they are stored.
    pub bytes: u64,
    /// Numbers of the largest tensor, which is in memory more than once while it is read.
    pub largest: u64,
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

#[derive(Debug, Default)]
struct State {
    taken: BTreeSet<String>,
    parameters: u64,
    problems: TensorProblems,
    weight: Weight,
}

#[derive(Debug)]
enum Mode {
    Hollow,
    Sketch { machine: Machine, storage: Storage },
    Real { device: Device, storage: Storage },
}

/// A place in the tree of names, from which layers can be taken.
pub(crate) struct Layers<'a> {
    weights: Option<&'a Weights>,
    mode: &'a Mode,
    state: &'a RefCell<State>,
    prefix: String,
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

    fn packing(&self) -> Packing {
        match self.mode {
            Mode::Hollow | Mode::Sketch { .. } => Packing::Fast,
            Mode::Real { storage, .. } => storage.packing,
        }
    }

    /// A tensor that may be in the file and is not needed.
    pub(crate) fn ignore(&self, name: &str) {
        self.state.borrow_mut().taken.insert(self.at(name).prefix);
    }

    /// `y = x Wᵀ (+ b)`, weight `(output, input)`.
    pub(crate) fn linear(&self, name: &str, input: usize, output: usize, bias: bool) -> Result<Linear, LoadError> {
        self.dense(name, &[&[output, input]], bias)
    }

    /// A 1×1 convolution, the same as a linear layer with channels last: weight `(output, input, 1, 1)`; one of a
    /// linear layer is taken too.
    pub(crate) fn pointwise(&self, name: &str, input: usize, output: usize) -> Result<Linear, LoadError> {
        self.dense(name, &[&[output, input, 1, 1], &[output, input]], true)
    }

    /// A linear layer that older files have as a 1×1 convolution: weight `(output, input)` or `(output, input, 1, 1)`.
    pub(crate) fn projection(&self, name: &str, input: usize, output: usize) -> Result<Linear, LoadError> {
        self.dense(name, &[&[output, input], &[output, input, 1, 1]], true)
    }

    fn dense(&self, name: &str, shapes: &[&[usize]], bias: bool) -> Result<Linear, LoadError> {
        let at = self.at(name);
        let output = shapes[0][0];
        let input = shapes[0][1..].iter().product();
        self.weigh(output * input, |machine, storage| machine.dense(storage, output, input).kept);
        let int8 = match self.mode {
            Mode::Real { device, storage } if storage.dense == Dense::Int8 => Some(device),
            _ => None,
        };
        let weight = match int8 {
            // Rounded once, on the CPU.
            Some(_) => at.take_to("weight", shapes, &Device::Cpu, Some(DType::F32))?,
            None => at.take("weight", shapes, None)?,
        };
        let bias = if bias { at.take("bias", &[&[output]], None)? } else { None };
        at.finish(|| match (weight, int8) {
            (Some(weight), Some(device)) => Linear::int8(weight.reshape((output, ()))?, bias, device),
            (Some(weight), None) => Linear::new(weight.reshape((output, ()))?, bias),
            (None, _) => Linear::hollow(output, input),
        })
    }

    /// A convolution of squares of `side` pixels that do not overlap, weight `(output, input, side, side)`, as a linear
    /// layer of `input · side · side` numbers.
    pub(crate) fn patches(
        &self,
        name: &str,
        (input, output): (usize, usize),
        side: usize,
        bias: bool,
    ) -> Result<Linear, LoadError> {
        self.dense(name, &[&[output, input, side, side]], bias)
    }

    /// A linear layer whose result is multiplied by the tensor `scale` `(output)`: `y = s ∘ (x Wᵀ + b)`. The factors
    /// become part of weight and bias.
    pub(crate) fn scaled_linear(
        &self,
        name: &str,
        input: usize,
        output: usize,
        scale: &str,
    ) -> Result<Linear, LoadError> {
        let at = self.at(name);
        let weight = at.take("weight", &[&[output, input]], None)?;
        let bias = at.take("bias", &[&[output]], None)?;
        let scale = self.take(scale, &[&[output]], None)?;
        self.weigh(output * input, |machine, storage| machine.dense(storage, output, input).kept);
        at.finish(|| match (weight, bias, scale) {
            (Some(weight), Some(bias), Some(scale)) => {
                Linear::new(weight.broadcast_mul(&scale.unsqueeze(1)?)?, Some((bias * scale)?))
            }
            _ => Linear::hollow(output, input),
        })
    }

    /// A tensor that belongs to no layer, `(shape)`.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let tensor = self.take(name, &[shape], None)?;
        self.weigh_tensor(shape);
        self.finish(|| tensor.map_or_else(|| hollow(shape), Ok))
    }

    /// A convolution with a square kernel, weight `(output, input, kernel, kernel)`.
    pub(crate) fn conv(
        &self,
        name: &str,
        (input, output): (usize, usize),
        kernel: usize,
        stride: usize,
        padding: Padding,
    ) -> Result<Conv2d, LoadError> {
        let at = self.at(name);
        let weight = at.take("weight", &[&[output, input, kernel, kernel]], None)?;
        let bias = at.take("bias", &[&[output]], None)?;
        self.weigh(output * input * kernel * kernel, |machine, storage| {
            machine.convolution(storage, (output, input), kernel, stride).kept
        });
        at.finish(|| match weight {
            Some(weight) => Conv2d::packed(weight, bias, stride, padding, self.packing()),
            None => Conv2d::hollow([output, input, kernel, kernel], stride, padding),
        })
    }

    pub(crate) fn group_norm(
        &self,
        name: &str,
        channels: usize,
        groups: usize,
        eps: f64,
    ) -> Result<GroupNorm, LoadError> {
        let at = self.at(name);
        let pair =
            (at.take("weight", &[&[channels]], Some(DType::F32))?, at.take("bias", &[&[channels]], Some(DType::F32))?);
        at.finish(|| match pair {
            (Some(weight), Some(bias)) => GroupNorm::new(weight, bias, groups, eps),
            _ => GroupNorm::new(zeros(&[channels])?, zeros(&[channels])?, groups, eps),
        })
    }

    pub(crate) fn layer_norm(&self, name: &str, channels: usize, eps: f64) -> Result<LayerNorm, LoadError> {
        let at = self.at(name);
        let pair =
            (at.take("weight", &[&[channels]], Some(DType::F32))?, at.take("bias", &[&[channels]], Some(DType::F32))?);
        at.finish(|| match pair {
            (Some(weight), Some(bias)) => LayerNorm::new(weight, bias, eps),
            _ => LayerNorm::new(zeros(&[channels])?, zeros(&[channels])?, eps),
        })
    }

    /// A table of `rows` vectors, `(rows, width)`.
    pub(crate) fn embedding(&self, name: &str, rows: usize, width: usize) -> Result<Tensor, LoadError> {
        let at = self.at(name);
        let table = at.take("weight", &[&[rows, width]], None)?;
        self.weigh_tensor(&[rows, width]);
        at.finish(|| match table {
            Some(table) => Ok(table),
            None => hollow(&[rows, width]),
        })
    }

    /// Adds what a layer's weights need, whose largest tensor has so many numbers.
    fn weigh(&self, numbers: usize, bytes: impl FnOnce(Machine, Storage) -> u64) {
        if let Mode::Sketch { machine, storage } = self.mode {
            let mut state = self.state.borrow_mut();
            state.weight.bytes += bytes(*machine, *storage);
            state.weight.largest = state.weight.largest.max(numbers as u64);
        }
    }

    /// The same for a tensor that is stored as it is.
    fn weigh_tensor(&self, shape: &[usize]) {
        let numbers = shape.iter().product();
        self.weigh(numbers, |_, storage| (numbers * storage.dtype.size_in_bytes()) as u64);
    }

    /// The tensor, or nothing when only names and shapes are looked at. The first of `shapes` is what messages ask for.
    fn take(&self, name: &str, shapes: &[&[usize]], dtype: Option<DType>) -> Result<Option<Tensor>, LoadError> {
        self.take_to(name, shapes, &self.device(), dtype)
    }

    /// Like [`take`](Self::take), for another device.
    fn take_to(
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

    fn finish<T>(&self, make: impl FnOnce() -> candle_core::Result<T>) -> Result<T, LoadError> {
        make().map_err(|source| LoadError::Tensor {
            file: self.source(),
            source: Box::new(source.context(format!("layer {}", self.prefix))),
        })
    }
}

/// A tensor of that shape without numbers.
fn hollow(shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)
}

fn zeros(shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros(shape, DType::F32, &Device::Cpu)
}
