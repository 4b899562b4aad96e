//! The right to do something, held by one process of all that share a store, on whatever machine they run.
//!
//! There is a folder for each right, e.g. `.locks/train-<key>/`, and in it a file named by a number that only grows.
//! Who makes the next number has the right: a file is made by one process only (a hard link, or a rename that replaces
//! nothing), on NFS as on a local disk. The file says who holds the right ([`Holder`]), and a line of it changes every
//! few seconds as long as the holder lives (its heartbeat).
//!
//! A right is over when its holder gave it back, when its process is dead (told at once on the same machine, by boot,
//! process space, process id and start time), or when its heartbeat stood still for its whole time, by the clock of the
//! one who watches. No two clocks are ever compared. Numbers are never used again, so whoever was suspended for too
//! long finds a higher number than its own and knows that it lost the right; see
//! [`Workspace`](super::Workspace) for why what it still writes does no harm.

mod held;
mod process;
mod record;
mod watch;

pub(super) use held::{Lease, newest};
pub(super) use record::Record;
pub(super) use watch::{Life, Watch};

pub use record::Holder;
