//! What the work of a study holds in memory at most, from configurations and sizes alone.
//!
//! The networks are built hollow, from their configurations, and walked through as they are when they compute
//! (`trace`). Counted are the bytes that the program asks for; the program itself, and what an
//! allocator needs besides, are up to the caller.

mod adapter;
mod networks;
mod sizes;
#[cfg(test)]
mod tests;

pub use super::trace::Adapters;
pub use networks::{ModelMemory, networks};
pub use sizes::{DrawSizes, TrainSizes};
