//! Tensors for kernels to write to, and the start of our own kernels.

use std::sync::Mutex;

use candle_core::backend::BackendDevice;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice, DeviceId, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, CudaStorage, CustomOp3, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};

use crate::kernels::recording::{is_recorded, push};

/// `kernels/all.cu`, compiled by the build script.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/all.ptx"));

/// Threads of a block where each computes one number.
const BLOCK: usize = 256;

pub(super) fn device(x: &Tensor) -> Result<&CudaDevice> {
    match x.device() {
        Device::Cuda(device) => Ok(device),
        _ => bail!("expected a tensor on a CUDA device"),
    }
}

/// A place in a device's memory.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) pointer: u64,
    device: DeviceId,
}

impl Address {
    /// Some bytes further on.
    pub(super) fn plus(self, bytes: usize) -> Self {
        Self { pointer: self.pointer + bytes as u64, ..self }
    }

    /// Whether it is on the device that is to read or write it, and so in its order of work.
    pub(super) fn check(self, device: &CudaDevice) -> Result<()> {
        if self.device != device.id() {
            bail!("tensors of different devices");
        }
        Ok(())
    }
}

/// Where the numbers of a contiguous tensor are, f32, bf16 or f16. The address is good as long as the tensor lives: all work is done in order
/// on one stream, and so is the return of memory.
pub(super) fn address(x: &Tensor) -> Result<Address> {
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("expected a tensor on a CUDA device") };
    if !layout.is_contiguous() {
        bail!("expected a contiguous tensor, not {layout:?}");
    }
    let stream = storage.device.cuda_stream();
    let start = match &storage.slice {
        CudaStorageSlice::F32(numbers) => numbers.device_ptr(&stream).0,
        CudaStorageSlice::BF16(numbers) => numbers.device_ptr(&stream).0,
        CudaStorageSlice::F16(numbers) => numbers.device_ptr(&stream).0,
        _ => bail!("expected f32, bf16 or f16, not {:?}", x.dtype()),
    };
    let start = Address { pointer: start, device: storage.device.id() };
    Ok(start.plus(layout.start_offset() * x.dtype().size_in_bytes()))
}

fn uninitialised(like: &Tensor, shape: &Shape, dtype: DType) -> Result<CudaStorage> {
    // SAFETY: every caller starts kernels that write all of it before any that read it.
    unsafe { device(like)?.alloc_uninit(shape, dtype) }
}

/// A tensor to write all of.
pub(super) fn output(like: &Tensor, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    let shape = shape.into();
    let storage = Storage::Cuda(uninitialised(like, &shape, dtype)?);
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

/// The same with the dtype of the first of one to three arguments. `backward` has a gradient for each that is tracked, for that of the result.
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
    // Of fewer arguments the first stands in for the others, without a gradient there.
    let at = |i: usize| arguments.get(i).unwrap_or(x);
    let op = Output { storage: Mutex::new(Some(storage)), shape, backward };
    x.apply_op3(at(1), at(2), op)
}

/// An operation whose result is written after it is in candle's graph.
struct Output<const N: usize, B> {
    storage: Mutex<Option<CudaStorage>>,
    shape: Shape,
    backward: B,
}

impl<const N: usize, B: Fn(&Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync> CustomOp3 for Output<N, B> {
    fn name(&self) -> &'static str {
        "cuda"
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
        bail!("expected tensors on a CUDA device")
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
        match self.storage.lock().unwrap_or_else(|e| e.into_inner()).take() {
            Some(storage) => Ok((storage, self.shape.clone())),
            None => bail!("the result has been taken"),
        }
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradients = (self.backward)(&grad.to_dtype(y.dtype())?.contiguous()?)?;
        let mut gradients = gradients.into_iter();
        Ok((gradients.next().flatten(), gradients.next().flatten(), gradients.next().flatten()))
    }
}

/// What a kernel is started with.
pub(super) enum Argument {
    Address(Address),
    Int(i32),
    Long(i64),
    Float(f32),
}

impl From<Address> for Argument {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<f32> for Argument {
    fn from(number: f32) -> Self {
        Self::Float(number)
    }
}

/// A number of things as a kernel's `int`.
pub(super) fn int(number: usize) -> Result<Argument> {
    match i32::try_from(number) {
        Ok(number) => Ok(Argument::Int(number)),
        Err(_) => bail!("{number} is too large for a kernel on a GPU"),
    }
}

/// As a kernel's `long long`.
pub(super) fn long(number: usize) -> Argument {
    Argument::Long(number as i64)
}

/// How many blocks of how many threads.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    blocks: [usize; 2],
    threads: usize,
}

impl Grid {
    /// A thread for each of `count` numbers of each of `images`.
    pub(super) fn numbers(count: usize, images: usize) -> Self {
        Self { blocks: [count.div_ceil(BLOCK), images], threads: BLOCK }
    }

    /// A block for each of `rows` rows of `length` numbers.
    pub(super) fn rows(rows: usize, length: usize) -> Self {
        Self { blocks: [rows, 1], threads: length.next_multiple_of(32).clamp(32, BLOCK) }
    }

    /// A block for each of `parts` parts of each of `images`; a thread for each channel, or as many for each.
    pub(super) fn channels(parts: usize, images: usize, channels: usize) -> Self {
        let each = channels.div_ceil(1024).max(1);
        Self { blocks: [parts, images], threads: channels.div_ceil(each).next_multiple_of(32).max(32) }
    }

    /// A block for each of `groups` of each of `images`.
    pub(super) fn groups(groups: usize, images: usize) -> Self {
        Self { blocks: [groups, images], threads: BLOCK }
    }
}

/// The kernel of this name for numbers of this dtype.
pub(super) fn kernel(name: &str, dtype: DType) -> String {
    let suffix = match dtype {
        DType::BF16 => "bf16",
        DType::F16 => "f16",
        _ => "f32",
    };
    format!("{name}_{suffix}")
}

/// Starts a kernel of `kernels/`. Does nothing for an empty grid.
///
/// # Safety
/// The arguments must be those of the kernel, in its order, and what it reads and writes with them in this grid must lie in living tensors.
pub(super) unsafe fn launch(device: &CudaDevice, name: &str, grid: Grid, arguments: &[Argument]) -> Result<()> {
    let [columns, rows] = grid.blocks;
    if columns == 0 || rows == 0 {
        return Ok(());
    }
    let (Ok(columns), true) = (u32::try_from(columns), rows <= 65535) else { bail!("{name}: too many numbers") };
    let function = device.get_or_load_custom_func(name, "runner", PTX)?;
    let mut builder = function.builder();
    for argument in arguments {
        match argument {
            Argument::Address(x) => {
                x.check(device)?;
                builder.arg(&x.pointer)
            }
            Argument::Int(x) => builder.arg(x),
            Argument::Long(x) => builder.arg(x),
            Argument::Float(x) => builder.arg(x),
        };
    }
    let config = LaunchConfig {
        grid_dim: (columns, rows as u32, 1),
        block_dim: (grid.threads as u32, 1, 1),
        shared_mem_bytes: 0,
    };
    // SAFETY: the caller's promise.
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}
