//! CUDA: our own kernels (`kernels/`) and products by cuBLAS, channels last.
//!
//! candle's own operations are many small kernels, each started from the host, which then is what a pass waits for.
//! cuDNN is not used: its old interface, candle's, takes 0.2 to 3 ms of the host's time for each convolution (measured on an H200 machine).

mod adamw;
mod attention;
mod conv;
mod gemm;
mod join;
mod launch;
mod linear;
mod norm;
mod pointwise;

use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{DType, Result, Tensor};

pub(super) use adamw::adamw;
pub(super) use attention::attention;
pub(super) use conv::conv2d;
pub(super) use join::{add, add_to_pixels, concatenate, upsample_nearest_2x};
pub(super) use linear::{linear, lora_linear};
pub(super) use norm::{group_norm, layer_norm};
pub(super) use pointwise::{geglu, gelu_erf, quick_gelu, silu};

/// Whether the functions here can take it.
pub(super) fn takes(x: &Tensor) -> bool {
    x.device().is_cuda() && matches!(x.dtype(), DType::F32 | DType::BF16 | DType::F16)
}

/// What tensors give back stays with this process, as in PyTorch. CUDA would return it to the system whenever the host waits for the device
/// ([stream-ordered memory](https://docs.nvidia.com/cuda/cuda-programming-guide/04-special-topics/stream-ordered-memory-allocation.html)).
pub(super) fn keep_freed_memory(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    let context = stream.context();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut bytes = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool is that of a living context, the attribute a 64-bit number that is copied.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device()).w()?;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut bytes).cast()).w()
    }
}
