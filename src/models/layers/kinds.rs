//! Each kind of layer: the tensors that it takes, and what it is made of them.

use candle_core::{DType, Device, Tensor};

use super::place::{Layers, Mode};
use crate::kernels::{Conv2d, Dense, GroupNorm, LayerNorm, Linear, Padding};
use crate::tensors::LoadError;

impl Layers<'_> {
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
}

/// A tensor of that shape without numbers.
fn hollow(shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)
}

fn zeros(shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros(shape, DType::F32, &Device::Cpu)
}
