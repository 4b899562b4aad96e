//! Frozen weights as 8-bit integers on a GPU.

use candle_core::{DType, Device, Result, Tensor};

use crate::kernels::packed::int8::Int8Rows;

/// What is added to an integer so that it becomes an unsigned one: candle has no signed bytes.
const MIDDLE: u8 = 128;

/// A matrix as integers and a factor for each row ([`Int8Rows`]) in the memory of a device.
#[derive(Clone, Debug)]
pub(crate) struct Int8Weight {
    /// `(out, in)` u8, 128 more than the integers.
    pub(crate) integers: Tensor,
    /// `(out, 1)` f32.
    pub(crate) factors: Tensor,
}

impl Int8Weight {
    /// Moves the matrix to `device`.
    pub(crate) fn new(of: Int8Rows, device: &Device) -> Result<Self> {
        let integers = of.integers.into_iter().map(|x| (x as u8).wrapping_add(MIDDLE)).collect();
        Ok(Self {
            integers: Tensor::from_vec(integers, (of.rows, of.columns), &Device::Cpu)?.to_device(device)?,
            factors: Tensor::from_vec(of.factors, (of.rows, 1), &Device::Cpu)?.to_device(device)?,
        })
    }

    /// The matrix in `dtype`, by candle's operations.
    pub(crate) fn widened(&self, dtype: DType) -> Result<Tensor> {
        let numbers = self.integers.to_dtype(DType::F32)?.affine(1., -f64::from(MIDDLE))?;
        numbers.broadcast_mul(&self.factors)?.to_dtype(dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_off_by_half_a_factor_at_most() -> Result<()> {
        let weight = Tensor::new(
            &[[0.5f32, -1.27, 0.0049, 0.0], [0.0, 0.0, 0.0, 0.0], [1e-20, 3e-20, 0.0, -2e-20]],
            &Device::Cpu,
        )?;
        let rows = Int8Rows::of(&weight)?;
        assert_eq!(rows.integers, [50, -127, 0, 0, 0, 0, 0, 0, 42, 127, 0, -85]);
        let back = Int8Weight::new(rows, &Device::Cpu)?;
        let off = (back.widened(DType::F32)? - &weight)?.abs()?;
        let allowed = (&back.factors * 0.500_001)?.broadcast_as(off.shape())?;
        assert_eq!(off.gt(&allowed)?.sum_all()?.to_scalar::<u8>()?, 0);
        Ok(())
    }

    #[test]
    fn what_is_not_finite_stays_so() -> Result<()> {
        for bad in [f32::NAN, f32::INFINITY] {
            let back = Int8Weight::new(Int8Rows::of(&Tensor::new(&[[1f32, bad, 2.]], &Device::Cpu)?)?, &Device::Cpu)?;
            let sum = back.widened(DType::F32)?.sum_all()?.to_scalar::<f32>()?;
            assert!(!sum.is_finite(), "{sum}");
        }
        Ok(())
    }
}
