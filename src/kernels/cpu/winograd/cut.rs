//! How a Winograd convolution is cut into pieces of work, and the scratch of a piece.

use crate::kernels::packed::winograd::Size;

/// The bytes of scratch for one piece of work. A piece may need more so that it has enough tiles to be worth reading a
/// matrix.
const SCRATCH: usize = 1 << 21;
/// The tiles of the largest piece of work.
pub(super) const MANY: usize = 96;
/// The bytes of the largest scratch for all tiles at once. The thread that used it keeps it.
const ROOM_FOR_ALL: usize = 48 << 20;
/// The unused numbers between the positions of a chunk.
const SKEW: usize = 16;

/// The sizes of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) tiles: usize,
    /// The places in a tile, each of which has a matrix.
    positions: usize,
    /// The input channels of a tile in scratch.
    inputs: usize,
    /// The output channels of a tile in scratch.
    outputs: usize,
    /// Whether transformed pixels are rounded at once, because bf16 numbers are multiplied without conversion.
    pub(super) rounded: bool,
    /// Whether the matrices are transposed while they are read.
    turned: bool,
}

impl Cut {
    /// The same call with rounded pixels and turned matrices.
    pub(crate) fn with(self, rounded: bool, turned: bool) -> Self {
        Self { rounded, turned, ..self }
    }

    /// Sizes of a call whose pixels are not rounded and whose matrices are not turned.
    pub(crate) fn new(size: Size, tiles: usize, in_channels: usize, out_channels: usize) -> Self {
        Self {
            tiles,
            positions: size.input() * size.input(),
            inputs: in_channels.next_multiple_of(16),
            outputs: out_channels.next_multiple_of(16),
            rounded: false,
            turned: false,
        }
    }

    /// The bytes of a transformed number.
    pub(super) fn bytes(&self) -> usize {
        if self.rounded { 2 } else { 4 }
    }

    /// The tiles of one piece of work: as many as scratch in the cache holds, but enough to be worth reading a kernel.
    pub(crate) fn chunk(&self, threads: usize) -> usize {
        let fitting = SCRATCH / (self.positions * (self.bytes() * self.inputs + 4 * self.outputs));
        let spread = self.tiles.div_ceil(3 * threads);
        // Turning a matrix pays from this number of rows on.
        let least = match (self.turned, self.rounded) {
            (true, false) => MANY,
            (true, true) => 48,
            (false, _) => 24,
        };
        spread.min(fitting.clamp(least, MANY)).next_multiple_of(12)
    }

    /// Whether writing and reading scratch for all tiles costs less than reading the kernel for every piece of work.
    pub(crate) fn fits_at_once(&self) -> bool {
        let numbers = self.tiles * (self.inputs + self.outputs);
        numbers <= 2 * self.inputs * self.outputs && 4 * self.positions * numbers <= ROOM_FOR_ALL
    }

    /// For transformed pixels and for products, how many numbers the tiles and the positions of a piece of `count`
    /// tiles lie apart.
    pub(super) fn positions_apart(&self, count: usize) -> [(usize, usize); 2] {
        [self.inputs, self.outputs].map(|tile| (tile, count * tile + SKEW))
    }

    /// The bytes of the scratch of `count` tiles.
    pub(crate) fn room(&self, count: usize) -> usize {
        let [(_, wide), (_, broad)] = self.positions_apart(count);
        self.positions * (wide * self.bytes() + 4 * broad)
    }
}
