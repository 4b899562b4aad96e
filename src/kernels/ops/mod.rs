//! The public functions. Each checks its arguments and chooses between the CPU's, a GPU's and the reference's kernel.

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod conv;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod lora;
pub(crate) mod norm;
mod path;
pub(crate) mod trained;
pub(crate) mod upsample;
