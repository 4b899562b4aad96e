//! Tensors for kernels to write to, with a gradient if an argument is tracked.

use std::sync::Mutex;

use candle_core::backend::BackendDevice;
use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, bail,
};

use super::address::device;
use crate::kernels::autodiff::recording::{is_recorded, push};

fn uninitialised(like: &Tensor, shape: &Shape, dtype: DType) -> Result<CudaStorage> {
    // SAFETY: every caller starts kernels that write all numbers before any kernel reads them.
    unsafe { device(like)?.alloc_uninit(shape, dtype) }
}

/// A tensor on the device of `like`. The caller must start a kernel that writes all its numbers.
pub(super) fn output(like: &Tensor, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    let shape = shape.into();
    let storage = Storage::Cuda(uninitialised(like, &shape, dtype)?);
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

/// Like [`output`], for the result of a kernel with one to three arguments. It has the dtype of the first argument.
/// `backward` maps the result's gradient to one gradient per tracked argument.
pub(super) fn output_of<const N: usize, B>(
    arguments: [&Tensor; N],
    shape: impl Into<Shape>,
    backward: B,
) -> Result<Tensor>
where
    B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static,
{
    let [x, ..] = arguments.as_slice() else { bail!("a kernel without arguments") };
    let (shape, dtype) = (shape.into(), x.dtype());
    let storage = uninitialised(x, &shape, dtype)?;
    if is_recorded(&arguments)? {
        let y = Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), true);
        push(&arguments, &y, move |grad| Ok(backward(&grad.to_dtype(dtype)?.contiguous()?)?.into()));
        return Ok(y);
    }
    let op = Output { storage: Mutex::new(Some(storage)), shape, backward };
    match arguments.as_slice() {
        [x] => x.apply_op1(op),
        [x, y] => x.apply_op2(y, op),
        [x, y, z] => x.apply_op3(y, z, op),
        _ => bail!("a kernel takes one to three tensors, not {N}"),
    }
}

/// An operation whose result is written after the result is in candle's graph.
struct Output<const N: usize, B> {
    storage: Mutex<Option<CudaStorage>>,
    shape: Shape,
    backward: B,
}

const NAME: &str = "cuda";

impl<const N: usize, B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync> Output<N, B> {
    fn take(&self) -> Result<(CudaStorage, Shape)> {
        match self.storage.lock().unwrap_or_else(|e| e.into_inner()).take() {
            Some(storage) => Ok((storage, self.shape.clone())),
            None => bail!("the result has been taken"),
        }
    }

    /// The gradients of the arguments in order, from the result and its gradient.
    fn gradients(&self, y: &Tensor, grad: &Tensor) -> Result<impl Iterator<Item = Option<Tensor>> + use<N, B>> {
        Ok((self.backward)(&grad.to_dtype(y.dtype())?.contiguous()?)?.into_iter())
    }
}

fn not_on_cpu() -> Result<(CpuStorage, Shape)> {
    bail!("expected tensors on a CUDA device")
}

impl<const N: usize, B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync> CustomOp1 for Output<N, B> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.gradients(y, grad)?.next().flatten())
    }
}

impl<const N: usize, B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync> CustomOp2 for Output<N, B> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.gradients(y, grad)?;
        Ok((gradients.next().flatten(), gradients.next().flatten()))
    }
}

impl<const N: usize, B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync> CustomOp3 for Output<N, B> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.take()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.gradients(y, grad)?;
        Ok((gradients.next().flatten(), gradients.next().flatten(), gradients.next().flatten()))
    }
}
