//! Devices other than the CPU: candle's operations in an order that keeps little memory and starts few kernels.
//!
//! What has no path of its own here runs as in [`reference`](super::reference).

pub(super) mod attention;
pub(super) mod norm;

use candle_core::{Device, Result};

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
    Ok(device)
}
