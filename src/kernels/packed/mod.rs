//! Frozen weights in the order in which the CPU's register tiles read them.

pub(crate) mod int8;
pub(crate) mod panels;
pub(crate) mod two_way;
pub(crate) mod view;
pub(crate) mod winograd;
