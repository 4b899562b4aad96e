//! Pointwise non-linearities.

use candle_core::{Result, Tensor};

use super::reference;

/// `(..., 2C)` to `(..., C)`: first half times the exact GELU of the second half, as in
/// [diffusers' `GEGLU`](https://github.com/huggingface/diffusers/blob/main/src/diffusers/models/activations.py).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    reference::geglu(x)
}

/// `x · sigmoid(x)`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    reference::silu(x)
}

/// `x · Φ(x)` with the exact normal distribution function (erf), not the tanh approximation.
pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    reference::gelu_erf(x)
}

/// `x · sigmoid(1.702 x)`, CLIP's activation.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    reference::quick_gelu(x)
}
