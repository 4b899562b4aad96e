//! Weights with lengths of their own: `m ∘ (W + ΔW) / |W + ΔW|` (DoRA, Liu et al. 2024,
//! <https://arxiv.org/abs/2402.09353>). The lengths are those of the weights of each output, or (older LyCORIS) of
//! each input.
//!
//! A strength below or above 1 goes that part of the way from W to the changed weight, as ComfyUI does; so at strength
//! 0 nothing changes.

use candle_core::{DType, Result, Tensor};

use super::about::{Delta, INPUT_MAGNITUDE, MAGNITUDE};
use super::kinds::about;
use crate::choice::AdapterKind;
use crate::kernels::composed;
use crate::models::frozen::Frozen;

/// What is added to the frozen layer's output for `x`, if the adapter gives lengths. `x` has the dropout mask in it.
pub(super) fn added(delta: &Delta, x: &Tensor, frozen: Frozen<'_>) -> Result<Option<Tensor>> {
    if let Some(lengths) = delta.tensors.get(MAGNITUDE) {
        return by_output(delta, lengths, x, frozen).map(Some);
    }
    match delta.tensors.get(INPUT_MAGNITUDE) {
        Some(lengths) => by_input(delta, lengths, x, frozen).map(Some),
        None => Ok(None),
    }
}

/// `(v - 1) ∘ W x + v ∘ ΔW x` with `v = m / |W + ΔW|`, by the output's channel. The norm counts as a constant, as in
/// peft (section 4.3 of the paper): gradients reach `m` and ΔW.
/// <https://github.com/huggingface/peft/blob/v0.21.2/src/peft/tuners/lora/dora.py>
fn by_output(delta: &Delta, lengths: &Tensor, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
    let base = frozen.forward(x)?;
    let update = update(delta, x, frozen)?;
    let norms = if delta.kind == AdapterKind::Dora {
        norms_with_lora(delta, frozen, x.dtype())?
    } else {
        constant(delta, || changed(delta, frozen)?.flatten_from(1)?.sqr()?.sum(1)?.sqrt())?
    };
    composed(&[&base, &update, lengths], || {
        let factors = (lengths / norms.detach())?.to_dtype(x.dtype())?;
        let base = frozen.without_bias(&base)?.broadcast_mul(&(&factors - 1.0)?)?;
        (base + update.broadcast_mul(&factors)?)? * delta.strength
    })
}

/// `(W + ΔW) (v ∘ x) - W x` with `v = m / |W + ΔW|`, by the input's channel.
fn by_input(delta: &Delta, lengths: &Tensor, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
    let norms = constant(delta, || {
        let changed = changed(delta, frozen)?;
        changed.transpose(0, 1)?.flatten_from(1)?.sqr()?.sum(1)?.sqrt()
    })?;
    let scaled = composed(&[x, lengths], || x.broadcast_mul(&(lengths / norms)?.to_dtype(x.dtype())?))?;
    let (changed, update) = (frozen.forward(&scaled)?, update(delta, &scaled, frozen)?);
    let base = frozen.forward(x)?;
    composed(&[&base, &changed, &update], || ((&changed - &base)? + &update)? * delta.strength)
}

fn update(delta: &Delta, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
    (about(delta.kind).added)(&delta.tensors, x, frozen, delta.scale)
}

/// W + ΔW, `(out, in)` or `(out, in, height, width)`, f32.
fn changed(delta: &Delta, frozen: Frozen<'_>) -> Result<Tensor> {
    let tensors = delta.tensors.iter().map(|(name, tensor)| (*name, tensor.detach())).collect();
    let update = (about(delta.kind).update)(&tensors)?.reshape(frozen.dims())?;
    frozen.weight()? + (update * delta.scale)?
}

/// Something that stays the same as long as the adapter does, computed once.
fn constant(delta: &Delta, compute: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    match delta.factors.get() {
        Some(known) => Ok(known.clone()),
        None => compute().map(|new| delta.factors.get_or_init(|| new).clone()),
    }
}

/// The norms of `W + s B A` by output, `(out)`, without computing that weight:
/// `|W|² + 2 s Σ B ∘ (W Aᵀ) + s² Σ (B A Aᵀ) ∘ B`.
fn norms_with_lora(delta: &Delta, frozen: Frozen<'_>, dtype: DType) -> Result<Tensor> {
    let (down, up, scale) = (delta.tensors["down"].detach(), delta.tensors["up"].detach(), delta.scale);
    let products = frozen.products(&down, dtype)?.t()?.contiguous()?;
    let rows = down.flatten_from(1)?.to_dtype(DType::F32)?;
    let both = (2.0 * scale * (&up * products)?.sum(1)?)?;
    let own = ((up.matmul(&rows.matmul(&rows.t()?)?)? * &up)?.sum(1)? * (scale * scale))?;
    ((frozen.norms()?.sqr()? + both)? + own)?.relu()?.sqrt()
}
