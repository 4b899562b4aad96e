//! LoRA adapters: their weights and their files.
//!
//! An adapter changes a frozen linear layer `W` to `W + alpha / rank · B A` (Hu et al. 2021,
//! <https://arxiv.org/abs/2106.09685>), with `A` of shape `(rank, in)` and `B` of shape `(out, rank)`.

mod factors;
pub mod file;

pub use factors::{Adapter, Factors};
