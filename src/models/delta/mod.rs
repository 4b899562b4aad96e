//! What an adapter adds to a layer: one file for each kind of adapter.
//!
//! A kind says which tensors it has and how they begin, what it adds to a layer, and how files call its tensors
//! (`About`). Training, gradients and adapter files go over its tensors and know no kind by name.

pub(crate) mod about;
mod apply;
mod dense;
pub(crate) mod kinds;
mod loha;
mod lokr;
pub(crate) mod lora;
mod magnitude;
pub(crate) mod shape;
pub(crate) mod tucker;

pub use about::{Delta, Tensors};
