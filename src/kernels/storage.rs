//! How frozen weights are kept.

use candle_core::DType;

/// What packed weights are made for, on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Speed: 3×3 kernels transformed for Winograd's products, at 1.8 to 4 times their size.
    #[default]
    Fast,
    /// Memory: kernels at their own size, multiplied two to four times as often.
    Small,
}

/// How frozen weights are kept. A dtype alone means [`Packing::Fast`].
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// f32, bf16 or f16.
    pub dtype: DType,
    /// Matters on the CPU only.
    pub packing: Packing,
}

impl From<DType> for Storage {
    fn from(dtype: DType) -> Self {
        Self { dtype, packing: Packing::Fast }
    }
}
