//! The fast kernels as operations that candle's graph and recordings know: each has a value and a gradient.
//!
//! The arguments must be [fast](crate::kernels::host::numbers::is_fast); the public functions check shapes.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod conv;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod lora;
pub(crate) mod norm;
pub(crate) mod upsample;
