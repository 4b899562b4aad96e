//! Attention that never stores all scores ([FlashAttention](https://arxiv.org/abs/2205.14135)): the forward pass keeps
//! the logarithm of each query's sum of exponentials, and the backward pass computes the scores again.
//!
//! One head of one image at a time is copied to contiguous, padded memory. All products are made of the register tiles
//! of the matrix product. A query's result does not depend on its neighbours.

pub(crate) mod backward;
pub(crate) mod forward;
mod gather;
mod scores;
pub(crate) mod scratch;
mod tiles;
