//! Frozen matrices, rearranged once into the order the register tiles read them.

use std::ops::DerefMut;

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

use super::aligned::Aligned;
use super::simd::tile_width;

/// A matrix B `(n, k)`, stored as panels of [`tile_width`] rows: `[panel][k][row in panel]`, zero-padded.
#[derive(Debug)]
pub(crate) struct Panels {
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Rows per panel.
    pub(crate) width: usize,
    data: Data,
}

/// The numbers in their storage dtype; half precision is widened while multiplying.
#[derive(Debug)]
pub(crate) enum Data {
    F32(Aligned),
    Bf16(Vec<bf16>),
    F16(Vec<f16>),
}

/// A dtype weights are stored in.
pub(crate) trait Element: Copy + Send + Sync {
    type Store: DerefMut<Target = [Self]>;
    fn zeros(count: usize) -> Self::Store;
    fn wrap(store: Self::Store) -> Data;
}

impl Element for f32 {
    type Store = Aligned;
    fn zeros(count: usize) -> Aligned {
        Aligned::zeros(count)
    }
    fn wrap(store: Aligned) -> Data {
        Data::F32(store)
    }
}

impl Element for bf16 {
    type Store = Vec<bf16>;
    fn zeros(count: usize) -> Vec<bf16> {
        vec![bf16::ZERO; count]
    }
    fn wrap(store: Vec<bf16>) -> Data {
        Data::Bf16(store)
    }
}

impl Element for f16 {
    type Store = Vec<f16>;
    fn zeros(count: usize) -> Vec<f16> {
        vec![f16::ZERO; count]
    }
    fn wrap(store: Vec<f16>) -> Data {
        Data::F16(store)
    }
}

impl Panels {
    /// Packs the matrix whose number at row `n`, column `k` is `get(n, k)`.
    pub(crate) fn pack<T: Element>(n: usize, k: usize, get: impl Fn(usize, usize) -> T + Sync) -> Self {
        let width = tile_width();
        let mut data = T::zeros(n.div_ceil(width) * k * width);
        let fill = |panel: usize, numbers: &mut [T]| {
            let rows = panel * width..n.min((panel + 1) * width);
            for (column, numbers) in numbers.chunks_exact_mut(width).enumerate() {
                for (row, number) in rows.clone().zip(numbers) {
                    *number = get(row, column);
                }
            }
        };
        if n * k < 1 << 16 {
            data.chunks_mut((k * width).max(1)).enumerate().for_each(|(i, numbers)| fill(i, numbers));
        } else {
            data.par_chunks_mut(k * width).enumerate().for_each(|(i, numbers)| fill(i, numbers));
        }
        Self { n, k, width, data: T::wrap(data) }
    }

    /// The transposed matrix of another arrangement: row `n`, column `k` is this matrix's `at(n, k)`.
    pub(crate) fn rearrange(&self, n: usize, k: usize, at: impl Fn(usize, usize) -> (usize, usize) + Sync) -> Self {
        let index = |n: usize, k: usize| {
            let (row, column) = at(n, k);
            self.index(row, column)
        };
        match &self.data {
            Data::F32(data) => Self::pack(n, k, |n, k| data[index(n, k)]),
            Data::Bf16(data) => Self::pack(n, k, |n, k| data[index(n, k)]),
            Data::F16(data) => Self::pack(n, k, |n, k| data[index(n, k)]),
        }
    }

    /// The number at row `n`, column `k`.
    pub(crate) fn get(&self, n: usize, k: usize) -> f32 {
        let index = self.index(n, k);
        match &self.data {
            Data::F32(data) => data[index],
            Data::Bf16(data) => data[index].to_f32(),
            Data::F16(data) => data[index].to_f32(),
        }
    }

    /// Whether the numbers are stored in f32.
    pub(crate) fn is_f32(&self) -> bool {
        matches!(self.data, Data::F32(_))
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(self.width)
    }

    /// Columns `k0 .. k0 + depth` of a panel, `[k][row]`; `scratch` holds them if they have to be widened.
    #[inline(always)]
    pub(crate) fn block<'a>(&'a self, panel: usize, k0: usize, depth: usize, scratch: &'a mut Aligned) -> &'a [f32] {
        let start = (panel * self.k + k0) * self.width;
        let range = start..start + depth * self.width;
        match &self.data {
            Data::F32(data) => &data[range],
            Data::Bf16(data) => {
                let wide = scratch.reserve(range.len());
                for (wide, narrow) in wide.iter_mut().zip(&data[range]) {
                    *wide = f32::from_bits(u32::from(narrow.to_bits()) << 16);
                }
                wide
            }
            Data::F16(data) => {
                let wide = scratch.reserve(range.len());
                data[range].convert_to_f32_slice(wide);
                wide
            }
        }
    }

    fn index(&self, n: usize, k: usize) -> usize {
        ((n / self.width) * self.k + k) * self.width + n % self.width
    }
}

/// Packs a weight tensor of `n · k` numbers in its storage dtype; `at(n, k)` is the flat index of a number.
pub(crate) fn pack_tensor(
    weight: &Tensor,
    n: usize,
    k: usize,
    at: impl Fn(usize, usize) -> usize + Sync,
) -> Result<Panels> {
    let weight = match weight.dtype() {
        DType::F32 | DType::BF16 | DType::F16 => weight.contiguous()?,
        _ => weight.to_dtype(DType::F32)?.contiguous()?,
    };
    let (storage, layout) = weight.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("only CPU weights are packed") };
    let (from, to) = (layout.start_offset(), layout.start_offset() + n * k);
    Ok(match storage {
        CpuStorage::F32(data) => {
            let data = &data[from..to];
            Panels::pack(n, k, |n, k| data[at(n, k)])
        }
        CpuStorage::BF16(data) => {
            let data = &data[from..to];
            Panels::pack(n, k, |n, k| data[at(n, k)])
        }
        CpuStorage::F16(data) => {
            let data = &data[from..to];
            Panels::pack(n, k, |n, k| data[at(n, k)])
        }
        _ => bail!("weights of dtype {:?}", weight.dtype()),
    })
}

/// The bias `(n)` as f32, padded with zeros to whole panels.
pub(crate) fn pad_bias(bias: &Tensor) -> Result<Vec<f32>> {
    let mut bias = bias.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    bias.resize(bias.len().next_multiple_of(tile_width()), 0.);
    Ok(bias)
}
