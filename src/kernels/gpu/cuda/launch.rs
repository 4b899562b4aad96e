//! The start of our own kernels.

use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{DType, Result, bail};

use super::address::Address;

/// `kernels/all.cu`, compiled by the build script.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/all.ptx"));

/// The threads of a block in which each thread computes one number.
const BLOCK: usize = 256;

/// An argument of a kernel.
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

/// A count as a kernel's `int`.
pub(super) fn int(number: usize) -> Result<Argument> {
    match i32::try_from(number) {
        Ok(number) => Ok(Argument::Int(number)),
        Err(_) => bail!("{number} is too large for a kernel on a GPU"),
    }
}

/// A count as a kernel's `long long`.
pub(super) fn long(number: usize) -> Argument {
    Argument::Long(number as i64)
}

/// How many blocks a kernel is started with, and how many threads each has.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    blocks: [usize; 2],
    threads: usize,
}

impl Grid {
    /// One thread for each of the `count` numbers of each of `images` images.
    pub(super) fn numbers(count: usize, images: usize) -> Self {
        Self { blocks: [count.div_ceil(BLOCK), images], threads: BLOCK }
    }

    /// One block for each of `rows` rows with `length` numbers.
    pub(super) fn rows(rows: usize, length: usize) -> Self {
        Self { blocks: [rows, 1], threads: length.next_multiple_of(32).clamp(32, BLOCK) }
    }

    /// One block for each of the `parts` parts of each of `images` images. A thread takes one channel; if there are
    /// more than 1024, all threads take equally many.
    pub(super) fn channels(parts: usize, images: usize, channels: usize) -> Self {
        let each = channels.div_ceil(1024).max(1);
        Self { blocks: [parts, images], threads: channels.div_ceil(each).next_multiple_of(32).max(32) }
    }

    /// One block for each of the `groups` groups of each of `images` images.
    pub(super) fn groups(groups: usize, images: usize) -> Self {
        Self { blocks: [groups, images], threads: BLOCK }
    }
}

/// The name of the kernel `name` for numbers of this dtype.
pub(super) fn kernel(name: &str, dtype: DType) -> String {
    let suffix = match dtype {
        DType::BF16 => "bf16",
        DType::F16 => "f16",
        _ => "f32",
    };
    format!("{name}_{suffix}")
}

/// Starts a kernel of `kernels/`. It does nothing for an empty grid.
///
/// # Safety
/// The arguments must be those that the kernel declares, in its order. All that the kernel reads and writes with them
/// in this grid must lie in living tensors.
pub(super) unsafe fn launch(device: &CudaDevice, name: &str, grid: Grid, arguments: &[Argument]) -> Result<()> {
    let [columns, rows] = grid.blocks;
    if columns == 0 || rows == 0 {
        return Ok(());
    }
    let (Ok(columns), true) = (u32::try_from(columns), rows <= 65535) else {
        bail!("{name}: the tensor has too many numbers for one kernel")
    };
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
    // SAFETY: the caller promises that the arguments are right.
    unsafe { builder.launch(config) }.w()?;
    Ok(())
}
