//! Devices other than the CPU: on CUDA own kernels; elsewhere candle's operations in an order that keeps little memory and
//! starts few kernels.
//!
//! What has no path of its own here runs as in [`mod@reference`].

mod attention;
#[cfg(feature = "cuda")]
mod cuda;
mod norm;

use candle_core::{Device, Result, Tensor};

use super::cpu::attention::Heads;
use super::{Activation, AdamWStep, Conv2d, GroupNorm, LayerNorm, Linear, LoraPair, reference};

/// Defines functions of a tensor and more that run on CUDA if it is there, and as in `$elsewhere` otherwise.
macro_rules! by_device {
    ($($(#[$doc:meta])* $name:ident($x:ident $(, $argument:ident: $type:ty)*) -> $result:ty, or $elsewhere:path;)*) => {$(
        $(#[$doc])*
        pub(super) fn $name($x: &Tensor $(, $argument: $type)*) -> Result<$result> {
            #[cfg(feature = "cuda")]
            if cuda::takes($x) {
                return cuda::$name($x $(, $argument)*);
            }
            $elsewhere($x $(, $argument)*)
        }
    )*};
}

by_device! {
    /// See [`linear`](super::linear()).
    linear(x, w: &Linear) -> Tensor, or reference::linear;
    /// See [`lora_linear`](super::lora_linear).
    lora_linear(x, w: &Linear, lora: &LoraPair) -> Tensor, or reference::lora_linear;
    /// See [`conv2d`](super::conv2d()).
    conv2d(x, w: &Conv2d) -> Tensor, or reference::conv2d;
    /// See [`group_norm`](super::group_norm).
    group_norm(x, n: &GroupNorm, act: Activation) -> Tensor, or norm::group_norm;
    /// See [`layer_norm`](super::layer_norm).
    layer_norm(x, n: &LayerNorm) -> Tensor, or norm::layer_norm;
    /// See [`attention`](super::attention()).
    attention(q, k: &Tensor, v: &Tensor, heads: Heads) -> Tensor, or attention::attention;
    /// See [`geglu`](super::geglu).
    geglu(x) -> Tensor, or reference::geglu;
    /// See [`silu`](super::silu).
    silu(x) -> Tensor, or reference::silu;
    /// See [`gelu_erf`](super::gelu_erf).
    gelu_erf(x) -> Tensor, or reference::gelu_erf;
    /// See [`quick_gelu`](super::quick_gelu).
    quick_gelu(x) -> Tensor, or reference::quick_gelu;
    /// See [`upsample_nearest_2x`](super::upsample_nearest_2x).
    upsample_nearest_2x(x, size: (usize, usize)) -> Tensor, or reference::upsample_nearest_2x;
    /// See [`add`](super::add).
    add(x, y: &Tensor) -> Tensor, or reference::add;
    /// See [`concatenate`](super::concatenate).
    concatenate(x, y: &Tensor) -> Tensor, or reference::concatenate;
    /// See [`add_to_pixels`](super::add_to_pixels). On CUDA the gradient goes to `x` only.
    add_to_pixels(x, y: &Tensor) -> Tensor, or reference::add_to_pixels;
    /// See [`adamw`](super::adamw()).
    adamw(value, first: &Tensor, second: &Tensor, gradient: &Tensor, step: AdamWStep) -> [Tensor; 3], or reference::adamw;
}

/// The CUDA device with this number. Its work is done in order, whatever thread asks for it.
///
/// `Device::new_cuda` takes CUDA's per-thread default stream, which is another stream on each thread: there, a model's pass on a worker
/// thread neither waits for its inputs nor is waited for
/// ([CUDA API synchronization behavior](https://docs.nvidia.com/cuda/cuda-runtime-api/stream-sync-behavior.html)).
///
/// # Errors
/// If this build or this machine has no such device.
pub fn cuda_device(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    #[cfg(feature = "cuda")]
    // SAFETY: all tensors of this device are made, used and freed on its one stream, so no two streams need to wait for each other.
    unsafe {
        device.as_cuda_device()?.disable_event_tracking();
    }
    #[cfg(feature = "cuda")]
    cuda::keep_freed_memory(device.as_cuda_device()?)?;
    Ok(device)
}
