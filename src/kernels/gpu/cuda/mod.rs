//! Kernels of CUDA, channels last: our own (`kernels/`), and products by cuBLAS.
//!
//! candle's own operations are many small kernels. The host starts each of them, and a pass would wait for the host.
//! cuDNN is not used: its old interface, which candle has, takes 0.2 to 3 ms of the host's time for each convolution
//! (measured on a machine with an H200).

pub(crate) mod adamw;
mod address;
pub(crate) mod attention;
pub(crate) mod conv;
mod gemm;
pub(crate) mod join;
mod launch;
pub(crate) mod linear;
pub(crate) mod memory;
pub(crate) mod norm;
mod output;
pub(crate) mod pointwise;
pub(crate) mod upsample;
