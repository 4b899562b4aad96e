//! The frozen weights of a two-dimensional convolution, channels last.

pub(crate) mod geometry;
pub(crate) mod layer;
pub(crate) mod packed;
mod plain;
