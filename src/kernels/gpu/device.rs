//! The CUDA devices of this machine.

use candle_core::{Device, Result};

#[cfg(feature = "cuda")]
use super::cuda::memory::keep_freed_memory;

/// The bytes of a CUDA device that are free, and all it has. `None` for another device.
#[must_use]
pub fn cuda_memory(device: &Device) -> Option<(u64, u64)> {
    #[cfg(feature = "cuda")]
    if let Ok(device) = device.as_cuda_device() {
        return super::cuda::memory::free_and_total(device);
    }
    let _ = device;
    None
}

/// Opens the CUDA device with this number. It does its work in order, no matter which thread asks for it.
///
/// `Device::new_cuda` would take CUDA's per-thread default stream, which is a different stream on each thread. Then a
/// model's pass on a worker thread would not wait for its inputs, and nobody would wait for its result
/// ([CUDA API synchronization behavior](https://docs.nvidia.com/cuda/cuda-runtime-api/stream-sync-behavior.html)).
///
/// # Errors
/// If this build or this machine has no such device.
pub fn cuda_device(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    #[cfg(feature = "cuda")]
    // SAFETY: all tensors of this device are made, used and freed on its one stream, so no stream has to wait for
    // another.
    unsafe {
        device.as_cuda_device()?.disable_event_tracking();
    }
    #[cfg(feature = "cuda")]
    keep_freed_memory(device.as_cuda_device()?)?;
    Ok(device)
}
