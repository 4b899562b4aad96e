//! Frozen matrices, rearranged once into the order in which the register tiles read them.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

use super::int8::Int8Rows;
use crate::kernels::host::aligned::Aligned;
use crate::kernels::simd::dispatch::{multiplies_bf16, tile_width};

/// A stack of matrices B `(n, k)` of one size. It is stored as panels of [`tile_width`] rows, padded with zeros, in the
/// order `[panel][matrix][k][row in panel]`, or in pairs `[panel][matrix][k / 2][row in panel][k % 2]`. Products read
/// it through a [`View`](super::view::View).
#[derive(Debug)]
pub(crate) struct Panels {
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(super) matrices: usize,
    /// The rows of a panel.
    pub(super) width: usize,
    /// Whether the numbers are bf16 and are multiplied without conversion, in pairs of neighbouring columns. Otherwise
    /// they are widened to f32 first.
    pub(super) pairs: bool,
    pub(super) data: Data,
}

/// The numbers of a stack in their storage dtype.
#[derive(Debug)]
pub(crate) enum Data {
    F32(Aligned),
    Bf16(Aligned<bf16>),
    F16(Aligned<f16>),
    /// Integers; each row of the matrix is its factor times its integers. Factors are padded to whole panels.
    Int8 {
        integers: Aligned<i8>,
        factors: Vec<f32>,
    },
}

/// A dtype that weights are stored in.
pub(crate) trait Element: Copy + Default + Send + Sync {
    /// Whether some processors multiply pairs of such numbers.
    const PAIRS: bool = false;
    fn wrap(store: Aligned<Self>) -> Data;
    fn from_f32(x: f32) -> Self;
    fn to_f32(self) -> f32;
    /// The same numbers in f32. They are written to `scratch` unless they are f32 already.
    fn widen<'a>(numbers: &'a [Self], scratch: &'a mut Aligned) -> &'a [f32];
}

impl Element for f32 {
    fn wrap(store: Aligned<Self>) -> Data {
        Data::F32(store)
    }
    fn from_f32(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn widen<'a>(numbers: &'a [Self], _: &'a mut Aligned) -> &'a [f32] {
        numbers
    }
}

impl Element for bf16 {
    const PAIRS: bool = true;
    fn wrap(store: Aligned<Self>) -> Data {
        Data::Bf16(store)
    }
    fn from_f32(x: f32) -> Self {
        Self::from_f32(x)
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    #[inline(always)]
    fn widen<'a>(numbers: &'a [Self], scratch: &'a mut Aligned) -> &'a [f32] {
        let wide = scratch.reserve(numbers.len());
        for (wide, narrow) in wide.iter_mut().zip(numbers) {
            *wide = Element::to_f32(*narrow);
        }
        wide
    }
}

impl Element for f16 {
    fn wrap(store: Aligned<Self>) -> Data {
        Data::F16(store)
    }
    fn from_f32(x: f32) -> Self {
        Self::from_f32(x)
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        Self::to_f32(self)
    }
    #[inline(always)]
    fn widen<'a>(numbers: &'a [Self], scratch: &'a mut Aligned) -> &'a [f32] {
        let wide = scratch.reserve(numbers.len());
        numbers.convert_to_f32_slice(wide);
        wide
    }
}

impl Panels {
    /// Packs one matrix, whose number at row `n`, column `k` is `get(n, k)`.
    pub(crate) fn pack<T: Element>(n: usize, k: usize, get: impl Fn(usize, usize) -> T + Sync) -> Self {
        Self::fill(1, n, k, |row, column, number: &mut [T]| number[0] = get(row, column))
    }

    /// Packs a stack. `numbers(n, k, all)` writes the number of every matrix at row `n`, column `k` to `all`.
    pub(crate) fn fill<T: Element>(
        matrices: usize,
        n: usize,
        k: usize,
        numbers: impl Fn(usize, usize, &mut [T]) + Sync,
    ) -> Self {
        Self::fill_as(T::PAIRS && multiplies_bf16(), matrices, n, k, numbers)
    }

    /// Like [`Panels::fill`]; the caller chooses whether in pairs.
    pub(crate) fn fill_as<T: Element>(
        pairs: bool,
        matrices: usize,
        n: usize,
        k: usize,
        numbers: impl Fn(usize, usize, &mut [T]) + Sync,
    ) -> Self {
        let order = Order { k, matrices, width: tile_width(), pairs };
        let data = T::wrap(order.fill(n, numbers));
        Self { n, k, matrices, width: order.width, pairs, data }
    }

    /// Packs a matrix of integers with factors.
    pub(crate) fn pack_int8(from: &Int8Rows) -> Self {
        let (n, k) = (from.rows, from.columns);
        let order = Order { k, matrices: 1, width: tile_width(), pairs: multiplies_bf16() };
        let integers = order.fill(n, |row, column, number: &mut [i8]| number[0] = from.integers[row * k + column]);
        let mut factors = from.factors.clone();
        factors.resize(n.next_multiple_of(order.width), 0.);
        let data = Data::Int8 { integers, factors };
        Self { n, k, matrices: 1, width: order.width, pairs: order.pairs, data }
    }

    /// Packs the transposes of the matrices `from[i].0`, times `from[i].1`, a power of two. The dtype stays the same;
    /// integers become the numbers that they are multiplied as.
    pub(crate) fn transpose(&self, from: &[(usize, f32)]) -> Self {
        match &self.data {
            Data::F32(_) => self.transpose_as::<f32>(from),
            Data::Bf16(_) => self.transpose_as::<bf16>(from),
            Data::F16(_) => self.transpose_as::<f16>(from),
            // The factors would belong to columns.
            Data::Int8 { .. } if self.pairs => self.transpose_as::<bf16>(from),
            Data::Int8 { .. } => self.transpose_as::<f32>(from),
        }
    }

    fn transpose_as<T: Element>(&self, from: &[(usize, f32)]) -> Self {
        Self::fill_as(self.pairs, from.len(), self.k, self.n, |row, column, all: &mut [T]| {
            for (number, (matrix, scale)) in all.iter_mut().zip(from) {
                *number = T::from_f32(self.get(*matrix, column, row) * scale);
            }
        })
    }

    /// The number of a matrix at row `n`, column `k`.
    pub(crate) fn get(&self, matrix: usize, n: usize, k: usize) -> f32 {
        let index = self.order().index(n / self.width, matrix, k, n % self.width);
        match &self.data {
            Data::F32(data) => data[index],
            Data::Bf16(data) => Element::to_f32(data[index]),
            Data::F16(data) => Element::to_f32(data[index]),
            Data::Int8 { integers, factors } => f32::from(integers[index]) * factors[n],
        }
    }

    /// The storage dtype; of integers bf16, the dtype that they are multiplied as where a CPU has instructions for it.
    pub(crate) fn dtype(&self) -> DType {
        match &self.data {
            Data::F32(_) => DType::F32,
            Data::Bf16(_) | Data::Int8 { .. } => DType::BF16,
            Data::F16(_) => DType::F16,
        }
    }

    /// The order in which the numbers lie.
    #[inline(always)]
    pub(super) fn order(&self) -> Order {
        Order { k: self.k, matrices: self.matrices, width: self.width, pairs: self.pairs }
    }
}

/// The order of the numbers of [`Panels`].
#[derive(Clone, Copy)]
pub(super) struct Order {
    k: usize,
    matrices: usize,
    width: usize,
    pairs: bool,
}

impl Order {
    /// The numbers of a stack of matrices with `n` rows in this order.
    fn fill<T: Copy + Default + Send + Sync>(
        self,
        n: usize,
        numbers: impl Fn(usize, usize, &mut [T]) + Sync,
    ) -> Aligned<T> {
        let Self { k, matrices, width, .. } = self;
        let panel = self.index(1, 0, 0, 0);
        let mut data = Aligned::<T>::zeros(n.div_ceil(width) * panel);
        let fill = |index: usize, panel: &mut [T]| {
            let mut all = vec![T::default(); matrices];
            for column in 0..k {
                for row in index * width..n.min((index + 1) * width) {
                    numbers(row, column, &mut all);
                    for (matrix, number) in all.iter().enumerate() {
                        panel[self.index(0, matrix, column, row % width)] = *number;
                    }
                }
            }
        };
        if matrices * n * k < 1 << 16 {
            data.chunks_mut(panel.max(1)).enumerate().for_each(|(i, panel)| fill(i, panel));
        } else {
            data.par_chunks_mut(panel).enumerate().for_each(|(i, panel)| fill(i, panel));
        }
        data
    }

    /// The index of a matrix's number in column `k`, row `row` of a panel.
    #[inline(always)]
    pub(super) fn index(self, panel: usize, matrix: usize, k: usize, row: usize) -> usize {
        let stack = panel * self.matrices + matrix;
        if self.pairs {
            ((stack * self.k.div_ceil(2) + k / 2) * self.width + row) * 2 + k % 2
        } else {
            (stack * self.k + k) * self.width + row
        }
    }
}

/// A way to pack the numbers of a weight of any dtype.
pub(crate) trait Pack {
    type Packed;
    fn pack<T: Element>(self, numbers: &[T]) -> Self::Packed;
}

/// Calls `pack` with the numbers of a CPU weight in its storage dtype; f32 stands in for dtypes that cannot be packed.
pub(crate) fn pack_tensor<P: Pack>(weight: &Tensor, pack: P) -> Result<P::Packed> {
    let weight = match weight.dtype() {
        DType::F32 | DType::BF16 | DType::F16 => weight.contiguous()?,
        _ => weight.to_dtype(DType::F32)?.contiguous()?,
    };
    let (storage, layout) = weight.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("only CPU weights are packed") };
    let range = layout.start_offset()..layout.start_offset() + weight.elem_count();
    Ok(match storage {
        CpuStorage::F32(numbers) => pack.pack(&numbers[range]),
        CpuStorage::BF16(numbers) => pack.pack(&numbers[range]),
        CpuStorage::F16(numbers) => pack.pack(&numbers[range]),
        _ => bail!("weights of dtype {:?} cannot be packed", weight.dtype()),
    })
}

/// Packs a matrix `(n, k)` that is stored row by row.
pub(crate) struct Matrix(pub(crate) usize, pub(crate) usize);

impl Pack for Matrix {
    type Packed = Panels;
    fn pack<T: Element>(self, numbers: &[T]) -> Panels {
        Panels::pack(self.0, self.1, |n, k| numbers[n * self.1 + k])
    }
}

/// The bias `(n)` as f32, padded with zeros to whole panels.
pub(crate) fn pad_bias(bias: &Tensor) -> Result<Vec<f32>> {
    let mut bias = bias.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    bias.resize(bias.len().next_multiple_of(tile_width()), 0.);
    Ok(bias)
}
