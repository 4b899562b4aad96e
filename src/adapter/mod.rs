//! Adapters: their trainable weights and their files. What each kind of adapter adds to a frozen layer is in
//! [`models::delta`](crate::models::delta).

pub mod file;
mod trainable;

pub use trainable::{Adapter, Module, Start};
