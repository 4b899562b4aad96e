//! Tucker decomposition: a small core between two matrices (<https://arxiv.org/abs/2108.06098>, section 2.3).

use candle_core::{Result, Tensor};

/// `W[p, r, …] = Σ core[i, j, …] · a[i, p] · b[j, r]`: core `(r, r, height, width)`, `a` `(r, out)`, `b` `(r, in)` to
/// `(out, in, height, width)`. LyCORIS's `rebuild_tucker`.
pub(crate) fn tucker(core: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (i, j, height, width) = core.dims4()?;
    let (out, taps) = (a.dim(1)?, height * width);
    let rows = a.t()?.contiguous()?.matmul(&core.reshape((i, j * taps))?)?;
    let rows = rows.reshape((out, j, taps))?.transpose(1, 2)?.contiguous()?.reshape((out * taps, j))?;
    let all = rows.matmul(&b.contiguous()?)?;
    let input = all.dim(1)?;
    all.reshape((out, taps, input))?.transpose(1, 2)?.contiguous()?.reshape((out, input, height, width))
}
