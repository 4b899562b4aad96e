//! Access to the numbers of CPU tensors without copies.

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor, bail};

/// The numbers of a contiguous f32 argument of a custom op.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&storage.as_slice::<f32>()?[from..to]),
        None => bail!("a CPU kernel was given a tensor that is not contiguous"),
    }
}

/// Calls `f` with the numbers of an f32 CPU tensor.
pub(crate) fn with_slice<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => bail!("a CPU kernel was given a tensor of another device"),
    }
}

/// Whether the fast CPU kernels can compute with `x`: it is on the CPU, f32, and not empty.
pub(crate) fn is_fast(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && x.elem_count() > 0
}
