//! Gradients of the kernels: for candle's graph, and for recordings, which are faster and need less memory.
//! `docs/autodiff.md` says why there are two, and how to add a kernel.

pub(crate) mod apply;
pub(crate) mod attach;
pub(crate) mod composed;
pub(crate) mod frozen;
pub(crate) mod recording;
