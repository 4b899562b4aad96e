//! Bytes of the scratch of kernels, and of what a call keeps for its gradient besides arguments and result.

use candle_core::DType;

use super::machine::Machine;
use super::weights::Kernel;
use crate::kernels::cpu::attention::scratch::{backward, forward};
use crate::kernels::cpu::winograd::cut::Cut;
use crate::kernels::cpu::{lora, product};
use crate::kernels::layers::conv::geometry::ROWS_AT_ONCE;
#[cfg(doc)]
use crate::kernels::layers::conv::layer::Conv2d;
use crate::kernels::layers::heads::{Heads, SCORES_AT_ONCE};
use crate::kernels::layers::storage::Storage;
use crate::kernels::packed::winograd;

/// Bytes of one call of a kernel besides its arguments, its result and their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallBytes {
    /// While it computes.
    pub forward: u64,
    /// From the forward pass to the backward pass.
    pub kept: u64,
    /// While it computes gradients.
    pub backward: u64,
    /// Scratch that threads keep for later calls, forward.
    pub room: Room,
    /// The same, backward.
    pub room_backward: Room,
}

/// Scratch that threads keep: one thread has the larger of the two, the others have `each`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// One thread, for work that is done at once.
    pub at_once: u64,
    /// Each thread, for its pieces of work.
    pub each: u64,
}

impl Room {
    /// Both rooms, of which each thread keeps the larger one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { at_once: self.at_once.max(other.at_once), each: self.each.max(other.each) }
    }

    /// The bytes of all threads.
    #[must_use]
    pub fn bytes(self, threads: usize) -> u64 {
        self.at_once.max(self.each) + (threads.max(1) as u64 - 1) * self.each
    }
}

/// The sizes of a call of a convolution ([`Conv2d`]).
#[derive(Clone, Copy, Debug)]
pub struct ConvSizes {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub from: (usize, usize),
    /// Height and width of the result.
    pub to: (usize, usize),
    /// Channels of the input.
    pub input: usize,
    /// Channels of the result.
    pub output: usize,
    /// Side of the kernel.
    pub side: usize,
    /// Pixels from one place of the kernel to the next.
    pub stride: usize,
}

impl Machine {
    /// A product of `rows` rows with a frozen matrix `(output, input)`, in both directions.
    #[must_use]
    pub fn product(self, storage: Storage, (output, input): (usize, usize), rows: usize) -> CallBytes {
        let widened = self.dense(storage, output, input).widened;
        if !self.is_cpu() {
            return CallBytes { forward: widened, backward: widened, ..CallBytes::default() };
        }
        let scratch = |k| self.threads as u64 * product::scratch_bytes(rows, k, self.pairs(storage.dtype)) as u64;
        CallBytes { forward: scratch(input), backward: scratch(output), ..CallBytes::default() }
    }

    /// Such a product with a low-rank correction. The gradients of the two factors are not counted.
    #[must_use]
    pub fn lora(self, storage: Storage, (output, input): (usize, usize), rank: usize, rows: usize) -> CallBytes {
        let plain = self.product(storage, (output, input), rows);
        let factors = (rank * (output + input)) as u64;
        let number = self.activation(storage.dtype);
        let hidden = (rows * rank) as u64 * number;
        if !self.is_cpu() {
            let (kept, forward) = (hidden + factors * number, plain.forward);
            return CallBytes { forward, kept, backward: plain.backward + hidden, ..CallBytes::default() };
        }
        // The gradients of the factors are summed up chunk by chunk.
        let parts = rows.div_ceil(lora::ROWS) as u64 * factors * 4;
        CallBytes {
            forward: plain.forward + factors * 4,
            kept: hidden,
            backward: plain.backward + parts + 2 * factors * 4,
            ..CallBytes::default()
        }
    }

    /// A convolution.
    #[must_use]
    pub fn conv(self, storage: Storage, sizes: ConvSizes) -> CallBytes {
        let ConvSizes { batch, from, to, input, output, side, stride } = sizes;
        if !self.is_cpu() {
            let number = self.activation(storage.dtype);
            let rows = |pixels: usize, channels: usize| {
                let row = (side * side * channels) as u64 * number;
                (pixels as u64).min((ROWS_AT_ONCE as u64 / row).max(1)) * row
            };
            let (there, back) = (rows(batch * to.0 * to.1, input), rows(batch * from.0 * from.1, output));
            let is_product = (side, stride) == (1, 1);
            return CallBytes {
                forward: if is_product { 0 } else { there },
                backward: if is_product { 0 } else { back },
                ..CallBytes::default()
            };
        }
        let Kernel::Winograd(size) = Self::kernel(storage, (output, input), side, stride) else {
            let scratch =
                |k| self.threads as u64 * product::scratch_bytes(usize::MAX, k, self.pairs(storage.dtype)) as u64;
            return CallBytes {
                forward: scratch(side * side * input),
                backward: scratch(side * side * output),
                ..CallBytes::default()
            };
        };
        let rounded = self.pairs(storage.dtype);
        let room = |(height, width): (usize, usize), inputs, outputs, turned| {
            let cut =
                Cut::new(size, batch * height.div_ceil(size.output()) * width.div_ceil(size.output()), inputs, outputs);
            let cut = cut.with(rounded, turned);
            match cut.fits_at_once() {
                true => Room { at_once: cut.room(cut.tiles) as u64, each: 0 },
                false => Room { at_once: 0, each: cut.room(cut.chunk(self.threads).min(cut.tiles)) as u64 },
            }
        };
        let positions = size.input() * size.input();
        let turned = positions * input * output > winograd::KEPT;
        CallBytes {
            room: room(to, input, output, false),
            room_backward: room(from, output, input, turned),
            ..CallBytes::default()
        }
    }

    /// Attention of `batch` images with `heads` heads of `dim` channels, where weights are of `dtype`.
    #[must_use]
    pub fn attention(
        self,
        dtype: DType,
        (batch, heads, dim): (usize, usize, usize),
        (queries, keys): (usize, usize),
    ) -> CallBytes {
        let h = Heads { batch, queries, keys, heads, head_dim: dim, causal: false, pairs: self.pairs(dtype) };
        if self.is_cpu() {
            return CallBytes {
                forward: forward(&h, self.width() / 2, self.threads) as u64,
                kept: 4 * (batch * heads * queries) as u64,
                backward: backward(&h, self.width() / 2, self.threads) as u64,
                ..CallBytes::default()
            };
        }
        let heads = (SCORES_AT_ONCE / (queries * keys).max(1)).clamp(1, heads);
        let scores = (heads * queries * keys).min(SCORES_AT_ONCE.max(keys)) as u64;
        let number = self.activation(dtype);
        CallBytes { forward: scores * (4 + number), backward: scores * (4 + 2 * number), ..CallBytes::default() }
    }
}
