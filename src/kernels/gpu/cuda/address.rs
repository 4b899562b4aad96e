//! The numbers of tensors in the memory of a CUDA device.

use candle_core::cuda_backend::cudarc::driver::DevicePtr;
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice, DeviceId};
use candle_core::{Device, Result, Storage, Tensor, bail};

/// The CUDA device of a tensor.
pub(super) fn device(x: &Tensor) -> Result<&CudaDevice> {
    match x.device() {
        Device::Cuda(device) => Ok(device),
        _ => bail!("expected a tensor on a CUDA device"),
    }
}

/// A place in a device's memory.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) pointer: u64,
    device: DeviceId,
}

impl Address {
    /// The place that lies `bytes` bytes further on.
    pub(super) fn plus(self, bytes: usize) -> Self {
        Self { pointer: self.pointer + bytes as u64, ..self }
    }

    /// Checks that the place is on the device that reads or writes it, and so takes part in its order of work.
    pub(super) fn check(self, device: &CudaDevice) -> Result<()> {
        if self.device != device.id() {
            bail!("a kernel was given tensors of different devices");
        }
        Ok(())
    }
}

/// The address of the numbers of a contiguous tensor, f32, bf16, f16 or u8. The address is valid as long as the tensor
/// lives: one stream does all work in order, and memory is returned in the same order.
pub(super) fn address(x: &Tensor) -> Result<Address> {
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("expected a tensor on a CUDA device") };
    if !layout.is_contiguous() {
        bail!("expected a contiguous tensor, not {layout:?}");
    }
    let stream = storage.device.cuda_stream();
    let start = match &storage.slice {
        CudaStorageSlice::F32(numbers) => numbers.device_ptr(&stream).0,
        CudaStorageSlice::BF16(numbers) => numbers.device_ptr(&stream).0,
        CudaStorageSlice::F16(numbers) => numbers.device_ptr(&stream).0,
        CudaStorageSlice::U8(numbers) => numbers.device_ptr(&stream).0,
        _ => bail!("expected f32, bf16, f16 or u8, not {:?}", x.dtype()),
    };
    let start = Address { pointer: start, device: storage.device.id() };
    Ok(start.plus(layout.start_offset() * x.dtype().size_in_bytes()))
}
