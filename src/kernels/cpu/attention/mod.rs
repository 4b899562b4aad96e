//! Attention that never stores the scores whole ([FlashAttention](https://arxiv.org/abs/2205.14135)):
//! the forward pass keeps the log of each query's sum of exponentials, the backward pass recomputes.
//!
//! One head of one image at a time is copied to contiguous, padded memory; then everything is made of the
//! register tiles of the matrix product. A query's result does not depend on its neighbours.

pub(crate) mod backward;
pub(crate) mod forward;
mod gather;
mod scores;
mod tiles;
