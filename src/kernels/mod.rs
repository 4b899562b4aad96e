//! Fast operations on activations, each with a slow differentiable twin in [`mod@reference`].
//!
//! Layout: feature maps are `(batch, height, width, channels)`, sequences `(batch, tokens, channels)`,
//! on every device. Weights are *frozen*: they never receive a gradient and no kernel gradient is ever
//! computed; only activations and the two LoRA factors do. Activations are f32 on the CPU whatever the
//! storage dtype of the weights; on CUDA and Metal they have the storage dtype ([`activation_dtype`]).
//! A CPU with instructions for bf16 rounds activations to it while multiplying them with bf16 weights.
//!
//! Every function picks its own path from device and dtype; callers never see a `cfg(feature)`.

mod activation;
mod adamw;
mod attention;
mod conv;
mod cpu;
mod device;
mod frozen;
mod join;
mod linear;
mod lora;
mod memory;
mod norm;
mod recording;
pub mod reference;
mod storage;
mod upsample;
mod workers;

use candle_core::{DType, Device};

pub use activation::{geglu, gelu_erf, quick_gelu, silu};
pub use adamw::{AdamWStep, adamw};
pub use attention::{attention, attention_in};
pub use conv::{Conv2d, Padding, conv2d};
pub use cpu::simd::UnknownInstructions;
pub use device::cuda_device;
pub use join::{add, add_to_pixels, concatenate};
pub use linear::{Linear, linear};
pub use lora::{LoraPair, lora_linear};
pub use memory::{keep_freed_memory, release_freed_memory};
pub use norm::{
    Activation, GroupNorm, GroupStatistics, LayerNorm, group_norm, group_norm_by, group_statistics, layer_norm,
};
pub use recording::{Gradients, Recording, record};
pub use storage::{Packing, Storage};
pub use upsample::upsample_nearest_2x;
pub use workers::{on_deep_stack, on_workers};

/// Whether this CPU has instructions for bf16 and rounds activations to it while multiplying them with bf16 weights.
#[must_use]
pub fn multiplies_bf16() -> bool {
    cpu::simd::multiplies_pairs()
}

/// Names of the instruction sets the CPU paths can use here, the one in use last. `RUNNER_INSTRUCTIONS` may name a slower one of them
/// (`portable`, `avx2`, `avx512`, `avx512_bf16`) when the program starts.
///
/// # Errors
/// If it names none.
pub fn instruction_sets() -> Result<Vec<&'static str>, UnknownInstructions> {
    cpu::simd::available()
}

/// The dtype activations must have on `device` when the frozen weights are stored as `storage`.
#[must_use]
pub fn activation_dtype(device: &Device, storage: DType) -> DType {
    if device.is_cpu() { DType::F32 } else { storage }
}
