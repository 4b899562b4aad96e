//! Each kernel in candle's operations. The fast kernels are tested against these definitions, and these run on devices
//! without a fast kernel.

use candle_core::{D, DType, Result, Tensor, bail};
use candle_nn::ops::softmax;

use super::autodiff::frozen::with_input_gradient;
use super::layers::activation::Activation;
use super::layers::adamw::AdamWStep;
use super::layers::conv::geometry::Padding;
use super::layers::conv::layer::Conv2d;
use super::layers::heads::Heads;
use super::layers::linear::Linear;
use super::layers::lora::LoraPair;
use super::layers::norm::{Affine, GroupNorm, LayerNorm};

/// See [`linear`](crate::kernels::linear()).
pub fn linear(x: &Tensor, w: &Linear) -> Result<Tensor> {
    let (rows, dims) = flatten(x, w.in_features())?;
    let weight = w.weight(x.dtype())?;
    let bias = w.bias(x.dtype())?;
    let layer = w.clone();
    let y = with_input_gradient(
        &rows,
        |x| {
            let y = x.matmul(&weight.t()?)?;
            bias.iter().try_fold(y, |y, b| y.broadcast_add(b))
        },
        move |grad| grad.contiguous()?.matmul(&layer.weight(grad.dtype())?),
    )?;
    unflatten(&y, dims, w.out_features())
}

/// See [`lora_linear`](crate::kernels::lora_linear).
pub fn lora_linear(x: &Tensor, w: &Linear, lora: &LoraPair) -> Result<Tensor> {
    let base = linear(x, w)?;
    let masked = match &lora.dropout_mask {
        Some(mask) => x.mul(&mask.reshape(x.shape())?.to_dtype(x.dtype())?)?,
        None => x.clone(),
    };
    let (rows, dims) = flatten(&masked, w.in_features())?;
    let hidden = rows.matmul(&lora.down.to_dtype(x.dtype())?.t()?)?;
    let up = hidden.matmul(&lora.up.to_dtype(x.dtype())?.t()?)?;
    base.add(&(unflatten(&up, dims, w.out_features())? * lora.scale)?)
}

/// See [`conv2d`](crate::kernels::conv2d()).
pub fn conv2d(x: &Tensor, w: &Conv2d) -> Result<Tensor> {
    let g = w.geometry(x)?;
    let (height, width, kernel, stride, padding) = (g.height, g.width, w.kernel(), w.stride(), w.padding());
    let weight = w.weight(x.dtype())?;
    let bias = w.bias(x.dtype())?;
    let layer = w.clone();
    with_input_gradient(
        x,
        |x| {
            let y = padded_conv2d(&x.permute((0, 3, 1, 2))?, padding, &weight, stride)?.permute((0, 2, 3, 1))?;
            bias.iter().try_fold(y, |y, b| y.broadcast_add(b))
        },
        // The gradient is spread by the stride and convolved with the flipped, transposed kernel.
        move |grad| {
            let turned = layer.turned(grad.dtype())?;
            let spread = spread(&grad.permute((0, 3, 1, 2))?, stride)?;
            let (_, _, rows, columns) = spread.dims4()?;
            let reach = Padding {
                top: kernel.0 - 1,
                bottom: height + padding.top + padding.bottom - rows,
                left: kernel.1 - 1,
                right: width + padding.left + padding.right - columns,
            };
            let full = padded_conv2d(&spread, reach, &turned, 1)?;
            full.narrow(2, padding.top, height)?.narrow(3, padding.left, width)?.permute((0, 2, 3, 1))?.contiguous()
        },
    )
}

/// See [`group_norm`](crate::kernels::group_norm).
pub fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    let (_, centred, variance) = centred(x, n)?;
    normalise(x, n, act, &centred, &variance)
}

/// `x` as `(batch, pixels, groups, channels of a group)`, f32.
fn grouped(x: &Tensor, n: &GroupNorm) -> Result<Tensor> {
    let channels = n.affine.weight().dim(0)?;
    let (rows, _) = flatten(x, channels)?;
    let batch = x.dim(0)?;
    rows.to_dtype(DType::F32)?.reshape((batch, rows.dim(0)? / batch, n.groups, channels / n.groups))
}

/// The mean of the groups, the distances from it, and the variance.
fn centred(x: &Tensor, n: &GroupNorm) -> Result<(Tensor, Tensor, Tensor)> {
    let x = grouped(x, n)?;
    let mean = x.mean_keepdim((1, 3))?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.mean_keepdim((1, 3))?;
    Ok((mean, centred, variance))
}

/// The mean and the variance, `(batch, 1, groups, 1)` f32. See [`group_statistics`](crate::kernels::group_statistics).
pub fn group_statistics(x: &Tensor, n: &GroupNorm) -> Result<[Tensor; 2]> {
    let (mean, _, variance) = centred(x, n)?;
    Ok([mean, variance])
}

/// See [`group_norm_by`](crate::kernels::group_norm_by).
pub fn group_norm_by(x: &Tensor, n: &GroupNorm, act: Activation, [mean, variance]: [Tensor; 2]) -> Result<Tensor> {
    normalise(x, n, act, &grouped(x, n)?.broadcast_sub(&mean)?, &variance)
}

fn normalise(x: &Tensor, n: &GroupNorm, act: Activation, centred: &Tensor, variance: &Tensor) -> Result<Tensor> {
    let channels = n.affine.weight().dim(0)?;
    let (rows, dims) = flatten(x, channels)?;
    let deviation = (variance + n.eps)?.sqrt()?;
    let normed = affine(&centred.broadcast_div(&deviation)?.reshape(rows.shape())?, &n.affine)?;
    let y = match act {
        Activation::None => normed,
        Activation::Silu => normed.silu()?,
    };
    unflatten(&y.to_dtype(x.dtype())?, dims, channels)
}

/// See [`layer_norm`](crate::kernels::layer_norm).
pub fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    let channels = n.affine.weight().dim(0)?;
    let (rows, dims) = flatten(x, channels)?;
    let x32 = rows.to_dtype(DType::F32)?;
    let centred = x32.broadcast_sub(&x32.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + n.eps)?.sqrt()?;
    let y = affine(&centred.broadcast_div(&deviation)?, &n.affine)?;
    unflatten(&y.to_dtype(x.dtype())?, dims, channels)
}

/// See [`attention`](crate::kernels::attention()).
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let Heads { batch, queries, keys, head_dim, .. } = Heads::of(q, k, v, heads, causal)?;
    let split = |x: &Tensor, tokens: usize| {
        x.reshape((batch, tokens, heads, head_dim))?.transpose(1, 2)?.to_dtype(DType::F32)?.contiguous()
    };
    let (q32, k32, v32) = (split(q, queries)?, split(k, keys)?, split(v, keys)?);
    let mut scores = (q32.matmul(&k32.transpose(2, 3)?.contiguous()?)? / (head_dim as f64).sqrt())?;
    if causal {
        let mask = (0..queries).flat_map(|t| (0..keys).map(move |s| if s > t { f32::NEG_INFINITY } else { 0. }));
        let mask = Tensor::from_iter(mask, q.device())?.reshape((1, 1, queries, keys))?;
        scores = scores.broadcast_add(&mask)?;
    }
    let y = softmax(&scores, D::Minus1)?.matmul(&v32)?;
    y.transpose(1, 2)?.contiguous()?.reshape(q.shape())?.to_dtype(q.dtype())
}

/// See [`geglu`](crate::kernels::geglu).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let channels = x.dim(D::Minus1)?;
    if !channels.is_multiple_of(2) {
        bail!("geglu: {channels} channels are not two halves");
    }
    let (value, gate) = (x.narrow(D::Minus1, 0, channels / 2)?, x.narrow(D::Minus1, channels / 2, channels / 2)?);
    value.mul(&gate.contiguous()?.gelu_erf()?)
}

/// See [`silu`](crate::kernels::silu).
pub fn silu(x: &Tensor) -> Result<Tensor> {
    x.silu()
}

/// See [`gelu_erf`](crate::kernels::gelu_erf).
pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    x.gelu_erf()
}

/// See [`quick_gelu`](crate::kernels::quick_gelu).
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    x.mul(&candle_nn::ops::sigmoid(&(x * 1.702)?)?)
}

/// See [`upsample_nearest_2x`](crate::kernels::upsample_nearest_2x).
pub fn upsample_nearest_2x(x: &Tensor, (to_height, to_width): (usize, usize)) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let repeated = x
        .reshape((batch, height, 1, width, 1, channels))?
        .broadcast_as((batch, height, 2, width, 2, channels))?
        .contiguous()?;
    let doubled = repeated.reshape((batch, 2 * height, 2 * width, channels))?;
    doubled.narrow(1, 0, to_height)?.narrow(2, 0, to_width)?.contiguous()
}

/// See [`add`](crate::kernels::add).
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x + y
}

/// See [`add_to_pixels`](crate::kernels::add_to_pixels).
pub fn add_to_pixels(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (batch, channels) = y.dims2()?;
    let mut shape = vec![1; x.rank()];
    (shape[0], shape[x.rank() - 1]) = (batch, channels);
    x.broadcast_add(&y.reshape(shape)?)
}

/// See [`concatenate`](crate::kernels::concatenate).
pub fn concatenate(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Tensor::cat(&[x, y], D::Minus1)
}

/// See [`adamw`](crate::kernels::adamw()).
pub fn adamw(
    value: &Tensor,
    first: &Tensor,
    second: &Tensor,
    gradient: &Tensor,
    step: AdamWStep,
) -> Result<[Tensor; 3]> {
    let first = (first + (gradient - first)?.affine(1.0 - step.beta1, 0.0)?)?;
    let second = (second.affine(step.beta2, 0.0)? + gradient.sqr()?.affine(1.0 - step.beta2, 0.0)?)?;
    let denominator = second.sqrt()?.affine(1.0 / step.second_correction, step.epsilon)?;
    let value = (value.affine(step.kept, 0.0)? - (&first / denominator)?.affine(step.step_size, 0.0)?)?;
    Ok([value, first, second])
}

/// `x · weight + bias` over the last dimension of `(rows, channels)`, in f32.
fn affine(x: &Tensor, affine: &Affine) -> Result<Tensor> {
    let weight = affine.weight().clone();
    let scale = weight.clone();
    with_input_gradient(
        x,
        |x| x.broadcast_mul(&weight)?.broadcast_add(affine.bias()),
        move |grad| grad.broadcast_mul(&scale),
    )
}

/// Gives `(..., channels)` as `(rows, channels)`, and the leading dimensions.
fn flatten(x: &Tensor, channels: usize) -> Result<(Tensor, Vec<usize>)> {
    match x.dims() {
        [leading @ .., last] if *last == channels && !leading.is_empty() => {
            Ok((x.reshape(((), channels))?, leading.to_vec()))
        }
        dims => bail!("expected {channels} channels in the last dimension, got shape {dims:?}"),
    }
}

fn unflatten(rows: &Tensor, mut leading: Vec<usize>, channels: usize) -> Result<Tensor> {
    leading.push(channels);
    rows.reshape(leading)
}

/// Convolves `(batch, channels, height, width)` with zeros around it.
fn padded_conv2d(x: &Tensor, p: Padding, weight: &Tensor, stride: usize) -> Result<Tensor> {
    if p == Padding::same(p.top) {
        return x.contiguous()?.conv2d(weight, p.top, stride, 1, 1);
    }
    let padded = x.pad_with_zeros(2, p.top, p.bottom)?.pad_with_zeros(3, p.left, p.right)?;
    padded.contiguous()?.conv2d(weight, 0, stride, 1, 1)
}

/// Puts `stride - 1` zeros between neighbouring pixels of `(batch, channels, height, width)`.
fn spread(x: &Tensor, stride: usize) -> Result<Tensor> {
    if stride == 1 {
        return Ok(x.clone());
    }
    let (batch, channels, height, width) = x.dims4()?;
    let zeros = stride - 1;
    x.contiguous()?
        .reshape((batch, channels, height, 1, width, 1))?
        .pad_with_zeros(3, 0, zeros)?
        .pad_with_zeros(5, 0, zeros)?
        .reshape((batch, channels, height * stride, width * stride))?
        .narrow(2, 0, (height - 1) * stride + 1)?
        .narrow(3, 0, (width - 1) * stride + 1)
}
