//! How CUDA hands out memory.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::cuda_backend::{CudaDevice, WrapErr};

/// Makes freed memory of the device stay with this process, as PyTorch does. CUDA would return it to the system
/// whenever the host waits for the device ([stream-ordered memory][pool]).
///
/// [pool]: https://docs.nvidia.com/cuda/cuda-programming-guide/04-special-topics/stream-ordered-memory-allocation.html
pub(crate) fn keep_freed_memory(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    let context = stream.context();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut bytes = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool belongs to a living context; the attribute is a 64-bit number, which is copied.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device()).w()?;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut bytes).cast()).w()
    }
}

/// The bytes that are free, and all there are, for every process together. `None` if the driver does not say.
pub(crate) fn free_and_total(device: &CudaDevice) -> Option<(u64, u64)> {
    let (free, total) = device.cuda_stream().context().mem_get_info().ok()?;
    Some((free as u64, total as u64))
}
