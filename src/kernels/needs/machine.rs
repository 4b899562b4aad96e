//! Where networks are computed, as far as memory is concerned.

use candle_core::DType;

use crate::choice::DeviceClass;
use crate::kernels::simd::dispatch::{multiplies_bf16, tile_width};

/// Where networks are computed. A CPU has the instructions of this machine: they decide how weights are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The kind of device.
    pub device: DeviceClass,
    /// The threads of the kernels on a CPU; each has scratch of its own.
    pub threads: usize,
}

impl Machine {
    /// Whether it is a CPU.
    #[must_use]
    pub fn is_cpu(self) -> bool {
        self.device == DeviceClass::Cpu
    }

    /// Bytes of a number in an activation, where frozen weights are stored as `storage`.
    #[must_use]
    pub fn activation(self, storage: DType) -> u64 {
        if self.is_cpu() { 4 } else { storage.size_in_bytes() as u64 }
    }

    /// Whether factors of products are rounded to bf16 and multiplied in pairs.
    pub(super) fn pairs(self, dtype: DType) -> bool {
        self.is_cpu() && dtype == DType::BF16 && multiplies_bf16()
    }

    /// The rows of a panel of packed weights.
    pub(super) fn width(self) -> usize {
        tile_width()
    }
}
