//! The weights of a prompt's words, applied to what the text encoder gives.
//!
//! Follows "Emphasis: Original" of stable-diffusion-webui 1.9.4, its default
//! (<https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/feee37d/modules/sd_emphasis.py>). Compel has another
//! rule: it moves a word's states away from those of the prompt without it.

use candle_core::{DType, Result, Tensor, bail};

/// Multiplies the states `(1, T, D)` of each token by its weight, then all of them by one number that restores their
/// mean. Weights that are all 1 change nothing. Computed in f32.
///
/// # Errors
/// Weights that leave a mean of 0, and a device without room.
pub(super) fn apply(states: Tensor, weights: &[f32]) -> Result<Tensor> {
    if weights.iter().all(|weight| *weight == 1.0) {
        return Ok(states);
    }
    let exact = states.to_dtype(DType::F32)?;
    let weights = Tensor::new(weights, states.device())?.reshape((1, weights.len(), 1))?;
    let weighted = exact.broadcast_mul(&weights)?;
    let mean = |states: &Tensor| states.mean_all()?.to_scalar::<f32>();
    let factor = mean(&exact)? / mean(&weighted)?;
    if !factor.is_finite() {
        bail!("the weights of a prompt cannot be applied: what the text encoder gives has a mean of 0 with them");
    }
    weighted.affine(f64::from(factor), 0.0)?.to_dtype(states.dtype())
}
