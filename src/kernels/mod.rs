//! Fast operations, each with a slow differentiable twin.

mod lora_pair;

pub use lora_pair::LoraPair;
