//! Kernels of GPUs: our own on CUDA, candle's operations in a thrifty order elsewhere.

#[cfg(feature = "cuda")]
pub(crate) mod cuda;
pub(crate) mod device;
pub(crate) mod portable;
