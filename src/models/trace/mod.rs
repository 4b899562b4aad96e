//! What a pass through a network holds in memory, from shapes alone.
//!
//! The networks have a `trace` beside each `forward`: the same steps on [`Map`]s, which have a shape and no numbers.
//! A map's bytes are counted while it lives, as a tensor's are, and a [`Trace`] remembers the largest sum. What a
//! kernel needs besides is said by the kernels themselves ([`Machine`](crate::kernels::Machine)).

mod backward;
mod call;
mod kernels;
mod map;
mod meter;
mod state;

pub(crate) use backward::Gradients;
pub(crate) use map::Map;
pub(crate) use meter::Held;
pub(crate) use state::Trace;

pub use state::Adapters;
