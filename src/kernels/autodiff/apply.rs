//! Calls of the CPU's kernels: as operations of candle's graph, or into the current recording.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage};
use candle_core::{Tensor, Var, bail};

use super::recording::{is_recorded, push};

/// What the backward pass of a kernel reads besides the gradient of the result. A recording keeps only that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// It reads shapes only.
    Shapes,
    /// It reads the numbers of the arguments.
    Arguments,
    /// It reads the numbers of the arguments and of the result.
    Everything,
}

impl Reads {
    /// What is kept of an argument: all of it, or a tensor of the same shape without numbers.
    fn of(self, argument: &Tensor) -> Result<Tensor> {
        if self == Self::Shapes { shape_of(argument) } else { Ok(argument.clone()) }
    }
}

/// Calls a kernel with one contiguous CPU tensor.
pub(crate) fn apply1(x: &Tensor, op: impl CustomOp1 + Send + Sync + 'static, reads: Reads) -> Result<Tensor> {
    if !is_recorded(&[x])? {
        return x.apply_op1(op);
    }
    let result = with_storage(x, |x, layout| op.cpu_fwd(x, layout))?;
    let kept = reads.of(x)?;
    keep(&[x], result, reads, move |result, gradient| Ok(vec![op.bwd(&kept, result, gradient)?]))
}

/// Like [`apply1`], with two arguments.
pub(crate) fn apply2(
    x: &Tensor,
    y: &Tensor,
    op: impl CustomOp2 + Send + Sync + 'static,
    reads: Reads,
) -> Result<Tensor> {
    if !is_recorded(&[x, y])? {
        return x.apply_op2(y, op);
    }
    let result = with_storage(x, |x, x_layout| with_storage(y, |y, y_layout| op.cpu_fwd(x, x_layout, y, y_layout)))?;
    let kept = [reads.of(x)?, reads.of(y)?];
    keep(&[x, y], result, reads, move |result, gradient| {
        let [x, y] = &kept;
        Ok(<[_; 2]>::from(op.bwd(x, y, result, gradient)?).into())
    })
}

/// Like [`apply1`], with three arguments.
pub(crate) fn apply3(
    [x, y, z]: [&Tensor; 3],
    op: impl CustomOp3 + Send + Sync + 'static,
    reads: Reads,
) -> Result<Tensor> {
    if !is_recorded(&[x, y, z])? {
        return x.apply_op3(y, z, op);
    }
    let result = with_storage(x, |x, x_layout| {
        with_storage(y, |y, y_layout| with_storage(z, |z, z_layout| op.cpu_fwd(x, x_layout, y, y_layout, z, z_layout)))
    })?;
    let kept = [reads.of(x)?, reads.of(y)?, reads.of(z)?];
    keep(&[x, y, z], result, reads, move |result, gradient| {
        let [x, y, z] = &kept;
        Ok(<[_; 3]>::from(op.bwd(x, y, z, result, gradient)?).into())
    })
}

fn with_storage<R>(x: &Tensor, f: impl FnOnce(&CpuStorage, &Layout) -> Result<R>) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(storage, layout),
        _ => bail!("a CPU kernel was given a tensor of another device"),
    }
}

/// Records a call on the CPU, and returns its result as a variable. `backward` gets the result (only its shape, unless
/// `reads` is [`Reads::Everything`]) and the gradient of the result.
fn keep(
    of: &[&Tensor],
    result: (CpuStorage, Shape),
    reads: Reads,
    backward: impl FnOnce(&Tensor, &Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
) -> Result<Tensor> {
    let (CpuStorage::F32(numbers), shape) = result else { bail!("a CPU kernel returned something else than f32") };
    let result = Var::from_vec(numbers, shape, &Device::Cpu)?.into_inner();
    let kept = if reads == Reads::Everything { result.clone() } else { shape_of(&result)? };
    push(of, &result, move |gradient| backward(&kept, gradient));
    Ok(result)
}

/// A tensor of the same shape that needs memory for one number only.
fn shape_of(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(x.shape())
}
