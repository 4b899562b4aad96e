//! Bytes of frozen weights.

use candle_core::DType;

use super::machine::Machine;
use crate::kernels::layers::linear;
use crate::kernels::layers::storage::{Dense, Packing, Storage};
use crate::kernels::packed::winograd;

/// Bytes of the frozen weights of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightBytes {
    /// All the time.
    pub kept: u64,
    /// Besides, from the first gradient on: a turned copy.
    pub turned: u64,
    /// While the layer is computed: weights that are stored as integers become numbers.
    pub widened: u64,
}

/// How a convolution's kernel is packed on the CPU.
pub(super) enum Kernel {
    Direct,
    Winograd(winograd::Size),
}

impl Machine {
    /// A fully connected layer with a weight `(output, input)`.
    #[must_use]
    pub fn dense(self, storage: Storage, output: usize, input: usize) -> WeightBytes {
        let numbers = (output * input) as u64;
        let own = storage.dtype.size_in_bytes() as u64;
        match (storage.dense, self.is_cpu()) {
            (Dense::AsOthers, true) => {
                let pairs = self.pairs(storage.dtype);
                let turned = if output * input > linear::KEPT { 0 } else { self.panels(input, output, own, pairs) };
                WeightBytes { kept: self.panels(output, input, own, pairs) + bias(output), turned, widened: 0 }
            }
            (Dense::AsOthers, false) => WeightBytes { kept: own * (numbers + output as u64), turned: 0, widened: 0 },
            (Dense::Int8, true) => {
                let pairs = self.pairs(DType::BF16);
                let wide = if pairs { 2 } else { 4 };
                let turned = if output * input > linear::KEPT { 0 } else { self.panels(input, output, wide, pairs) };
                WeightBytes { kept: self.panels(output, input, 1, pairs) + 2 * bias(output), turned, widened: 0 }
            }
            (Dense::Int8, false) => {
                let kept = numbers + (4 + own) * output as u64;
                WeightBytes { kept, turned: 0, widened: own * numbers }
            }
        }
    }

    /// A convolution with a square kernel `(output, input, side, side)`.
    #[must_use]
    pub fn convolution(
        self,
        storage: Storage,
        (output, input): (usize, usize),
        side: usize,
        stride: usize,
    ) -> WeightBytes {
        let (own, numbers) = (storage.dtype.size_in_bytes() as u64, output * input * side * side);
        if !self.is_cpu() {
            let kept = own * (numbers + output) as u64;
            return WeightBytes { kept, turned: own * numbers as u64, widened: 0 };
        }
        let pairs = self.pairs(storage.dtype);
        let packed = match Self::kernel(storage, (output, input), side, stride) {
            Kernel::Direct => {
                WeightBytes { kept: self.panels(output, input * side * side, own, pairs), ..WeightBytes::default() }
            }
            Kernel::Winograd(size) => {
                let positions = size.input() * size.input();
                let is_small = positions * output * input <= winograd::KEPT;
                let bytes = |n, k| positions as u64 * self.panels(n, k, own, pairs);
                let turned = if is_small { bytes(input, output) } else { 0 };
                WeightBytes { kept: bytes(output, input), turned, widened: 0 }
            }
        };
        WeightBytes { kept: packed.kept + bias(output), ..packed }
    }

    /// How a kernel is packed. Padding of more than two pixels, which no network has, is not looked at.
    pub(super) fn kernel(storage: Storage, (output, input): (usize, usize), side: usize, stride: usize) -> Kernel {
        let half = matches!(storage.dtype, DType::BF16 | DType::F16);
        let fits = (side, stride) == (3, 1) && storage.packing == Packing::Fast;
        let size = if fits { winograd::Size::choose(output, input, half) } else { None };
        size.map_or(Kernel::Direct, Kernel::Winograd)
    }

    /// A matrix `(n, k)` of numbers of `bytes` in panels.
    fn panels(self, n: usize, k: usize, bytes: u64, pairs: bool) -> u64 {
        let columns = if pairs { k.next_multiple_of(2) } else { k };
        (n.next_multiple_of(self.width()) * columns) as u64 * bytes
    }
}

/// A bias, in its own dtype and once more padded.
fn bias(output: usize) -> u64 {
    8 * output as u64
}
