//! Fast operations on activations, each with a slow differentiable twin in [`mod@reference`].
//!
//! Feature maps are `(batch, height, width, channels)` and sequences `(batch, tokens, channels)`, on every device.
//! Weights are *frozen*: they never receive a gradient, and no kernel computes one for them. Only activations and the
//! two LoRA factors do. Activations are f32 on the CPU for every storage dtype of the weights; on CUDA and Metal
//! they have the storage dtype ([`activation_dtype`]). A CPU with instructions for bf16 rounds activations to it when
//! it multiplies them with bf16 weights.
//!
//! Every function chooses its own path from device and dtype; callers never see a `cfg(feature)`.
//!
//! A module uses only modules of lower levels, and a file never uses a file that uses it:
//!
//! | level | modules |
//! |---|---|
//! | 6 | `ops`: the public functions, which only choose; `needs`: what all of it needs of memory |
//! | 5 | `cpu`, `gpu`: the fast kernels |
//! | 4 | `reference`: every kernel in candle's operations |
//! | 3 | `layers`: frozen weights, sizes and settings as data |
//! | 2 | `packed`: weights in the order in which the CPU reads them; `workers`: the threads |
//! | 1 | `simd`: vector instructions; `autodiff`: gradients |
//! | 0 | `host`: numbers in memory |

mod autodiff;
mod cpu;
mod gpu;
mod host;
mod layers;
mod needs;
mod ops;
mod packed;
pub mod reference;
mod simd;
mod workers;

pub use autodiff::composed::composed;
pub use autodiff::recording::{Gradients, Recording, record};
pub use gpu::device::{cuda_device, cuda_memory};
pub use host::heap::{keep_freed_memory, release_freed_memory};
pub use layers::activation::Activation;
pub use layers::adamw::AdamWStep;
pub use layers::conv::geometry::Padding;
pub use layers::conv::layer::Conv2d;
pub use layers::linear::Linear;
pub use layers::lora::LoraPair;
pub use layers::norm::{GroupNorm, LayerNorm};
pub use layers::statistics::GroupStatistics;
pub use layers::storage::{Dense, Packing, Storage, activation_dtype};
pub use needs::calls::{CallBytes, ConvSizes, Room};
pub use needs::machine::Machine;
pub use needs::weights::WeightBytes;
pub use ops::activation::{geglu, gelu_erf, quick_gelu, silu};
pub use ops::adamw::adamw;
pub use ops::attention::{attention, attention_in};
pub use ops::conv::conv2d;
pub use ops::join::{add, add_to_pixels, concatenate};
pub use ops::linear::linear;
pub use ops::lora::lora_linear;
pub use ops::norm::{group_norm, group_norm_by, group_statistics, layer_norm};
pub use ops::trained::{Window, trained_conv2d, trained_linear};
pub use ops::upsample::upsample_nearest_2x;
pub use simd::dispatch::multiplies_bf16;
pub use simd::level::{UnknownInstructions, instruction_sets};
pub use workers::{on_deep_stack, on_workers};
