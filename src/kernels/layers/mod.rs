//! What the kernels are given besides activations: frozen weights, LoRA factors, sizes and settings. This is data that
//! loads, packs and checks itself; nothing here computes a layer.

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod conv;
pub(crate) mod heads;
pub(crate) mod int8;
pub(crate) mod linear;
pub(crate) mod lora;
pub(crate) mod norm;
pub(crate) mod shape;
pub(crate) mod statistics;
pub(crate) mod storage;
