//! Frozen matrices, rearranged once into the order the register tiles read them.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use half::{bf16, f16};
use rayon::prelude::*;

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
enum Data {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
    F16(Vec<f16>),
}

/// A dtype weights are stored in.
pub(crate) trait Element: Copy + Default + Send + Sync {
    #[doc(hidden)]
    fn wrap(data: Vec<Self>) -> Packed;
}

/// Panels' numbers, opaque outside.
#[derive(Debug)]
pub(crate) struct Packed(Data);

macro_rules! element {
    ($type:ty, $variant:ident) => {
        impl Element for $type {
            fn wrap(data: Vec<Self>) -> Packed {
                Packed(Data::$variant(data))
            }
        }
    };
}
element!(f32, F32);
element!(bf16, Bf16);
element!(f16, F16);

impl Panels {
    /// Packs the matrix whose number at row `n`, column `k` is `get(n, k)`.
    pub(crate) fn pack<T: Element>(n: usize, k: usize, get: impl Fn(usize, usize) -> T + Sync) -> Self {
        let width = tile_width();
        let mut data = vec![T::default(); n.div_ceil(width) * k * width];
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
        Self { n, k, width, data: T::wrap(data).0 }
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

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(self.width)
    }

    /// Columns `k0 .. k0 + depth` of a panel, `[k][row]`; `scratch` holds them if they have to be widened.
    #[inline(always)]
    pub(crate) fn block<'a>(&'a self, panel: usize, k0: usize, depth: usize, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let start = (panel * self.k + k0) * self.width;
        let range = start..start + depth * self.width;
        match &self.data {
            Data::F32(data) => return &data[range],
            Data::Bf16(data) => {
                scratch.clear();
                scratch.extend(data[range].iter().map(|x| f32::from_bits(u32::from(x.to_bits()) << 16)));
            }
            Data::F16(data) => {
                use half::slice::HalfFloatSliceExt;
                scratch.resize(depth * self.width, 0.);
                data[range].convert_to_f32_slice(scratch);
            }
        }
        scratch
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
