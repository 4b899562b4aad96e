//! What may be wrong with photos that can be read: too small, blurred, copies, cut by the crop, all alike.
//!
//! Decoding measures each photo once ([`Look`]); the rules work on these numbers and need no pixels.

pub(super) mod border;
pub(super) mod copies;
mod each;
mod finding;
mod findings;
pub(super) mod grey;
mod kind;
pub(super) mod look;
pub(super) mod sharpness;
pub(super) mod subject;
pub(super) mod thumbnail;
mod together;
mod usage;

pub use each::{cropped_away, relative_sharpness, subject_lost};
pub use finding::Finding;
pub use findings::findings;
pub use kind::Kind;
pub use look::Look;
pub use usage::Usage;

#[cfg(test)]
pub(super) mod demo;
