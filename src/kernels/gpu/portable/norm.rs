//! Normalisations that keep only their argument for the backward pass.
//!
//! Let x̂ be the normalised numbers and g their gradient. The gradient of the argument is
//! `(g − mean(g) − x̂ · mean(g · x̂)) / σ`, with means over the numbers that are normalised together
//! ([Ioffe & Szegedy 2015](https://arxiv.org/abs/1502.03167), section 3, solved for the argument).

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::sigmoid;

use crate::kernels::autodiff::frozen::with_input_gradient;
use crate::kernels::layers::activation::Activation;
use crate::kernels::layers::norm::{Affine, GroupNorm, LayerNorm};

/// A normalisation, followed by scale and shift per channel and an activation.
#[derive(Clone)]
struct Norm {
    /// `(batch, pixels, groups, channels of a group)`. Means go over dimensions 1 and 3. A layer normalisation has one
    /// pixel and one group.
    shape: (usize, usize, usize, usize),
    eps: f64,
    /// `(groups, channels of a group)`.
    weight: Tensor,
    bias: Tensor,
    act: Activation,
}

impl Norm {
    fn new(affine: &Affine, shape: (usize, usize, usize, usize), eps: f64, act: Activation) -> Result<Self> {
        let part = (shape.2, shape.3);
        Ok(Self { shape, eps, weight: affine.weight().reshape(part)?, bias: affine.bias().reshape(part)?, act })
    }

    fn mean(&self, x: &Tensor) -> Result<Tensor> {
        if self.shape.1 == 1 { x.mean_keepdim(D::Minus1) } else { x.mean_keepdim((1, 3)) }
    }

    /// The normalised numbers and the standard deviations, f32.
    fn normalised(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let x = x.contiguous()?.to_dtype(DType::F32)?.reshape(self.shape)?;
        let centred = x.broadcast_sub(&self.mean(&x)?)?;
        let deviation = (self.mean(&centred.sqr()?)? + self.eps)?.sqrt()?;
        Ok((centred.broadcast_div(&deviation)?, deviation))
    }

    fn affine(&self, normalised: &Tensor) -> Result<Tensor> {
        normalised.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.affine(&self.normalised(x)?.0)?;
        let y = if self.act == Activation::Silu { y.silu()? } else { y };
        y.to_dtype(x.dtype())?.reshape(x.shape())
    }

    fn backward(&self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (normalised, deviation) = self.normalised(x)?;
        let mut grad = grad.contiguous()?.to_dtype(DType::F32)?.reshape(self.shape)?;
        if self.act == Activation::Silu {
            // σ(y) · (1 + y · (1 − σ(y)))
            let y = self.affine(&normalised)?;
            let gate = sigmoid(&y)?;
            grad = (grad * (((y * (1. - &gate)?)? + 1.)? * gate)?)?;
        }
        let grad = grad.broadcast_mul(&self.weight)?;
        let slope = self.mean(&(&grad * &normalised)?)?;
        let dx = (grad.broadcast_sub(&self.mean(&grad)?)? - normalised.broadcast_mul(&slope)?)?;
        dx.broadcast_div(&deviation)?.to_dtype(x.dtype())?.reshape(x.shape())
    }

    fn apply(self, x: &Tensor) -> Result<Tensor> {
        let (again, argument) = (self.clone(), x.detach());
        with_input_gradient(x, |x| self.forward(x), move |grad| again.backward(&argument, grad))
    }
}

/// See [`group_norm`](crate::kernels::group_norm).
pub(crate) fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, n.affine.weight().dim(0)?);
    let shape = (batch, x.elem_count() / (batch * channels).max(1), n.groups, channels / n.groups);
    Norm::new(&n.affine, shape, n.eps, act)?.apply(x)
}

/// See [`layer_norm`](crate::kernels::layer_norm).
pub(crate) fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    let channels = n.affine.weight().dim(0)?;
    Norm::new(&n.affine, (x.elem_count() / channels, 1, 1, channels), n.eps, Activation::None)?.apply(x)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::kernels::reference;

    fn same(name: &str, x: &Tensor, ours: &Tensor, reference: &Tensor) {
        let weights = Tensor::rand(-1f32, 1., x.shape(), &Device::Cpu).unwrap();
        let gradient =
            |y: &Tensor| (y * &weights).unwrap().sum_all().unwrap().backward().unwrap().get(x).unwrap().clone();
        for (what, ours, reference) in
            [("value", ours.clone(), reference.clone()), ("gradient", gradient(ours), gradient(reference))]
        {
            let worst = (ours - reference).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < 1e-5, "{name}: {what} is off by {worst:e}");
        }
    }

    #[test]
    fn norms_have_the_references_values_and_gradients() {
        for (batch, pixels, channels, groups) in [(1, 1, 2, 1), (3, 35, 12, 4), (2, 1, 12, 3), (1, 16, 33, 33)] {
            let random = |shape: &[usize]| Tensor::randn(0.5f32, 1., shape, &Device::Cpu).unwrap();
            let x = Var::from_tensor(&random(&[batch, pixels, channels])).unwrap().as_tensor().clone();
            let (weight, bias) = (random(&[channels]), random(&[channels]));
            let n = GroupNorm::new(weight.clone(), bias.clone(), groups, 1e-2).unwrap();
            for act in [Activation::None, Activation::Silu] {
                let reference = reference::group_norm(&x, &n, act).unwrap();
                let name = format!("group norm {batch}×{pixels}×{channels} in {groups}, {act:?}");
                same(&name, &x, &group_norm(&x, &n, act).unwrap(), &reference);
            }
            let n = LayerNorm::new(weight, bias, 1e-2).unwrap();
            let reference = reference::layer_norm(&x, &n).unwrap();
            same("layer norm", &x, &layer_norm(&x, &n).unwrap(), &reference);
        }
    }
}
