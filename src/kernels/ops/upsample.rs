//! Doubling height and width by repeating pixels.

use candle_core::{Result, Tensor, bail};

use super::path::Path;
use crate::kernels::cpu::custom_ops::upsample as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::upsample as cuda;
use crate::kernels::reference;

/// `(batch, height, width, channels)` to `(batch, to_height, to_width, channels)`, nearest neighbour.
///
/// The new height and width are twice the old ones, or one pixel less. Pixel `i` of `2n - 1` comes from
/// `⌊i·n / (2n - 1)⌋ = ⌊i / 2⌋`, as if the last row or column were cut off.
pub fn upsample_nearest_2x(x: &Tensor, (to_height, to_width): (usize, usize)) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    if (to_height.div_ceil(2), to_width.div_ceil(2)) != (height, width) {
        bail!("upsample: {height}×{width} pixels do not double to {to_height}×{to_width}");
    }
    match Path::of(x, &[]) {
        Path::Cpu => cpu::upsample_nearest_2x(x, (to_height, to_width)),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::upsample_nearest_2x(x, (to_height, to_width)),
        Path::Candle => reference::upsample_nearest_2x(x, (to_height, to_width)),
    }
}
