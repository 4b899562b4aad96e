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

/// The program itself with its libraries and what it knows of a study: the peak of `runner plan
/// experiments/shinchan.toml` (28 MB in a release build, 46 MB in a debug build, which has more code).
const PROGRAM: u64 = if cfg!(debug_assertions) { 46_000_000 } else { 28_000_000 };
/// What the C library's allocator holds besides what is asked for, in percent: with it, the steps that were measured at
/// the size of Stable Diffusion 1.5 (docs/performance.md) are predicted to 1 %.
const GAPS: u64 = 1;
/// The driver, its libraries and the code of the kernels on a GPU, and what CUDA's pool holds besides what is asked
/// for, in percent: the two numbers with which the two steps that were measured on an H200 are what is predicted.
const CUDA_PROGRAM: u64 = 940_000_000;
const CUDA_GAPS: u64 = 4;

impl Machine {
    /// The memory that the whole process takes on the device when the program asks for so many bytes at once.
    #[must_use]
    pub fn process(self, bytes: u64) -> u64 {
        let (program, gaps) = if self.is_cpu() { (PROGRAM, GAPS) } else { (CUDA_PROGRAM, CUDA_GAPS) };
        program + bytes + bytes / 100 * gaps
    }

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
