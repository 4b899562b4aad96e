//! How the settings of a model say that weights are kept.

use candle_core::DType;

use crate::choice::Dtype;
use crate::kernels::{Dense, Packing, Storage};

/// How weights are kept with these settings. With 8-bit integers, all but the denoiser's fully connected layers are
/// bf16.
#[must_use]
pub fn storage(dtype: Dtype, low_memory: bool) -> Storage {
    let (dtype, dense) = match dtype {
        Dtype::F32 => (DType::F32, Dense::AsOthers),
        Dtype::Bf16 => (DType::BF16, Dense::AsOthers),
        Dtype::F16 => (DType::F16, Dense::AsOthers),
        Dtype::Int8 => (DType::BF16, Dense::Int8),
    };
    Storage { dtype, packing: if low_memory { Packing::Small } else { Packing::Fast }, dense }
}
