//! Kernels made of candle's operations, in an order that needs little memory and starts few kernels. They run on any
//! device. A kernel without a version here runs as in [`mod@crate::kernels::reference`].

pub(crate) mod attention;
pub(crate) mod norm;
