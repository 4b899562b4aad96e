//! How frozen weights are kept.

use candle_core::{DType, Device};

/// The purpose that weights are packed for on the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Packs for speed: 3×3 kernels are transformed for Winograd's products, which needs 1.8 to 4 times their size.
    #[default]
    Fast,
    /// Packs for little memory: kernels keep their size, but need two to four times as many multiplications.
    Small,
}

/// How the weights of fully connected layers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dense {
    /// In the dtype of all other weights.
    #[default]
    AsOthers,
    /// As 8-bit integers with one factor for each output channel ([`Linear::int8`](crate::kernels::Linear::int8)).
    Int8,
}

/// How frozen weights are kept. A dtype alone means [`Packing::Fast`] and [`Dense::AsOthers`].
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// f32, bf16 or f16.
    pub dtype: DType,
    /// The packing. It matters on the CPU only.
    pub packing: Packing,
    /// The weights of fully connected layers.
    pub dense: Dense,
}

impl From<DType> for Storage {
    fn from(dtype: DType) -> Self {
        Self { dtype, packing: Packing::Fast, dense: Dense::AsOthers }
    }
}

/// The dtype that activations must have on `device` when the frozen weights are stored as `storage`.
#[must_use]
pub fn activation_dtype(device: &Device, storage: DType) -> DType {
    if device.is_cpu() { DType::F32 } else { storage }
}
