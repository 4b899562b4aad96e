//! What weights and kernels need of memory, in bytes, from shapes alone: nothing is allocated and no device is opened.

pub(crate) mod calls;
pub(crate) mod machine;
pub(crate) mod weights;
