//! A recorded call of a kernel, as far as memory is concerned.

use super::map::Map;
use super::meter::Held;
use crate::kernels::Room;

/// A call that waits for its gradient, as a [`Recording`](crate::kernels::Recording) keeps it.
pub(crate) struct Call {
    /// The arguments and results whose numbers its gradient reads.
    pub(super) kept: Vec<Map>,
    /// Other bytes that it keeps.
    pub(super) other: Held,
    /// The tensors that want a gradient, and the gradient's bytes.
    pub(super) wanted: Vec<(usize, u64)>,
    /// The result.
    pub(super) id: usize,
    /// Bytes while its gradients are computed.
    pub(super) backward: u64,
    /// What stays afterwards.
    pub(super) lasting: Lasting,
}

/// The calls with tracked tensors, in order.
pub(crate) type Tape = Vec<Call>;

/// What stays in memory after a gradient was computed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasting {
    /// The layer, by its place in memory: a hollow network does not move.
    pub(super) layer: usize,
    /// Bytes of its turned copy, which is made once.
    pub(super) turned: u64,
    /// Scratch that threads keep.
    pub(super) room: Room,
}

/// What the gradient of a kernel reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    Shapes,
    Arguments,
    Everything,
}
