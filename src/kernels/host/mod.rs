//! Numbers in the memory of the host: aligned, written by several threads, read from candle's tensors.

pub(crate) mod aligned;
pub(crate) mod fresh;
pub(crate) mod heap;
pub(crate) mod numbers;
pub(crate) mod sum;
