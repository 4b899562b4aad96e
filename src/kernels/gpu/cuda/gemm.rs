//! Products of matrices by cuBLAS.

use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{DType, Result, Tensor, bail};

use super::address::{Address, address, device};

/// Rows of numbers in the device's memory: one matrix, or several at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    address: Address,
    dtype: DType,
    /// The numbers from one row to the next.
    row: usize,
    /// The numbers from one matrix to the next.
    step: usize,
    /// Whether it is read with rows and columns swapped.
    turned: bool,
}

impl Matrix {
    /// The numbers of `x` in rows of this length.
    pub(super) fn new(x: &Tensor, row: usize) -> Result<Self> {
        Ok(Self { address: address(x)?, dtype: x.dtype(), row, step: 0, turned: false })
    }

    /// The matrix that begins `offset` numbers further on.
    pub(super) fn from(self, offset: usize) -> Self {
        Self { address: self.address.plus(offset * self.dtype.size_in_bytes()), ..self }
    }

    /// The first of several matrices, which are `step` numbers apart.
    pub(super) fn each(self, step: usize) -> Self {
        Self { step, ..self }
    }

    pub(super) fn turned(self) -> Self {
        Self { turned: !self.turned, ..self }
    }

    fn operation(self) -> sys::cublasOperation_t {
        if self.turned { sys::cublasOperation_t::CUBLAS_OP_T } else { sys::cublasOperation_t::CUBLAS_OP_N }
    }

    fn data_type(self) -> sys::cudaDataType_t {
        match self.dtype {
            DType::BF16 => sys::cudaDataType_t::CUDA_R_16BF,
            DType::F16 => sys::cudaDataType_t::CUDA_R_16F,
            _ => sys::cudaDataType_t::CUDA_R_32F,
        }
    }
}

/// The sizes of a product: `(m, k)` by `(k, n)`, for `count` matrices.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) count: usize,
}

/// Computes `c = alpha · a b + beta · c`; `a` and `b` have the same dtype. Factors are never rounded to TF32, and sums
/// are f32 for every dtype (but cuBLAS may add the parts of a long sum in the dtype of `c`).
///
/// # Safety
/// The matrices must lie within living tensors.
pub(super) unsafe fn multiply(
    device: &CudaDevice,
    Sizes { m, n, k, count }: Sizes,
    alpha: f32,
    (a, b): (Matrix, Matrix),
    beta: f32,
    c: Matrix,
) -> Result<()> {
    if m == 0 || n == 0 || count == 0 {
        return Ok(());
    }
    if k == 0 {
        bail!("a product of {m}×0 and 0×{n} numbers is empty");
    }
    for matrix in [a, b, c] {
        matrix.address.check(device)?;
    }
    let int = |number: usize| match i32::try_from(number) {
        Ok(number) => Ok(number),
        Err(_) => bail!("a product of {m}×{k} and {k}×{n} numbers is too large for cuBLAS"),
    };
    let blas = device.cublas_handle();
    // cuBLAS counts by columns. It computes the transpose of `c`, which is the transpose of `b` times that of `a`.
    // SAFETY: the caller promises that the tensors live; the scalars outlive the call, which copies them.
    unsafe {
        result::gemm_strided_batched_ex(
            *blas.handle(),
            b.operation(),
            a.operation(),
            int(n)?,
            int(m)?,
            int(k)?,
            (&raw const alpha).cast(),
            b.address.pointer as *const _,
            b.data_type(),
            int(b.row)?,
            b.step as i64,
            a.address.pointer as *const _,
            a.data_type(),
            int(a.row)?,
            a.step as i64,
            (&raw const beta).cast(),
            c.address.pointer as *mut _,
            c.data_type(),
            int(c.row)?,
            c.step as i64,
            int(count)?,
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .w()
}

/// Computes `y = alpha · x w + beta · y` for contiguous tensors. Rows of `x` have `k` numbers and rows of `y` have `n`;
/// `w` is `(k, n)`, or `(n, k)` if `turned`.
pub(super) fn rows_times(
    alpha: f32,
    x: &Tensor,
    w: &Tensor,
    turned: bool,
    beta: f32,
    y: &Tensor,
    (k, n): (usize, usize),
) -> Result<()> {
    let m = x.elem_count() / k.max(1);
    if x.elem_count() != m * k || w.elem_count() != k * n || y.elem_count() != m * n || x.dtype() != w.dtype() {
        bail!("product: {:?} times {:?} does not give {:?}", x.shape(), w.shape(), y.shape());
    }
    let (a, c) = (Matrix::new(x, k)?, Matrix::new(y, n)?);
    let b = if turned { Matrix::new(w, k)?.turned() } else { Matrix::new(w, n)? };
    // SAFETY: the sizes have been checked, the tensors live.
    unsafe { multiply(device(x)?, Sizes { m, n, k, count: 1 }, alpha, (a, b), beta, c) }
}
