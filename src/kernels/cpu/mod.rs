//! The fast kernels of the CPU: vector instructions chosen at run time, one matrix product, packed weights.
//!
//! Results depend neither on the number of threads nor on the batch that a sample is in. Every output number is one
//! chain of multiply-adds in a fixed order, and the few reductions over rows use chunks of a fixed size.

pub(crate) mod attention;
mod conv;
pub(crate) mod custom_ops;
mod group_norm;
mod join;
mod layer_norm;
pub(crate) mod lora;
mod math;
mod outer;
mod pointwise;
pub(crate) mod product;
pub(crate) mod winograd;

#[cfg(test)]
mod tests;
