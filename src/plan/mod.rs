//! The plan: which cells the experiment has and which pieces of work they share. Pure.
//!
//! [`make()`] divides the photos, gives every job the key of what it depends on (`keys.rs` has the table) and
//! makes equal jobs one. [`status()`] says what a store already has and why the rest is made, [`estimate()`] what
//! that will cost, [`table`] and [`json`] show all of it.

mod estimate;
mod facts;
mod keys;
mod make;
mod notices;
mod prompts;
mod reason;
mod show;
mod status;
mod types;

pub use estimate::{Estimate, estimate};
pub use facts::Facts;
pub use make::make;
pub use prompts::too_long;
pub use show::{json, table};
pub use status::{JobStatus, status};
pub use types::{Cell, Job, JobPhotos, Plan};

#[cfg(test)]
mod tests;
