//! What the CPU paths share: vector instructions chosen at run time, the matrix product, packed weights.
//!
//! Results never depend on the number of threads nor on the batch a sample is in: every output number is
//! one chain of multiply-adds in a fixed order, whoever computes it, and the few reductions over
//! rows use chunks of a fixed size.

mod aligned;
pub(super) mod attention;
pub(super) mod conv;
pub(super) mod fresh;
pub(super) mod group_norm;
pub(super) mod join;
pub(super) mod layer_norm;
pub(super) mod lora;
mod math;
pub(super) mod panels;
pub(super) mod pointwise;
pub(super) mod product;
pub(super) mod simd;
pub(super) mod tensors;
mod tile;
pub(super) mod two_way;
pub(super) mod view;
pub(super) mod winograd;

#[cfg(test)]
mod tests;
