//! The choice between the kernels of different devices.

#[cfg(feature = "cuda")]
use candle_core::DType;
use candle_core::Tensor;

use crate::kernels::host::numbers::is_fast;

/// Whose kernels compute an operation.
pub(super) enum Path {
    /// The fast kernels of the CPU, for f32 activations.
    Cpu,
    /// Our kernels of CUDA, for f32, bf16 and f16 activations.
    #[cfg(feature = "cuda")]
    Cuda,
    /// candle's operations, which compute on any device with any dtype.
    Candle,
}

impl Path {
    /// The path for these activations. The CPU's kernels need all of them in f32; on CUDA `first` decides.
    pub(super) fn of(first: &Tensor, others: &[&Tensor]) -> Self {
        if is_fast(first) && others.iter().all(|x| is_fast(x)) {
            return Self::Cpu;
        }
        #[cfg(feature = "cuda")]
        if first.device().is_cuda() && matches!(first.dtype(), DType::F32 | DType::BF16 | DType::F16) {
            return Self::Cuda;
        }
        Self::Candle
    }
}
