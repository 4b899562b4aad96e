//! The plan: which cells the experiment has and which pieces of work they share.
//!
//! [`make()`] divides the photos, gives every job its inputs ([`crate::stage`]) and makes equal jobs one. [`status()`]
//! says what a store already has and why the rest is made, [`estimate()`] what that will cost; [`table`] and [`json`]
//! show all of it.
//!
//! Planning itself touches no disk. Before it, `facts` looks into the photo folders; after it, `status`, `estimate` and
//! `history` read the manifests of the store. Nothing here writes.

mod division;
mod estimate;
mod facts;
mod history;
mod make;
mod memory;
mod notices;
mod prompts;
pub mod race;
mod readings;
mod reason;
mod show;
mod status;
mod types;
mod usages;

pub use estimate::{Estimate, estimate, seconds};
pub use facts::Facts;
pub use make::make;
pub use memory::{MemoryFacts, memory};
pub use prompts::{plain_weight, too_long};
pub use readings::Readings;
pub use reason::change_words;
pub use show::{json, table};
pub use status::{JobStatus, status};
pub use types::{Cell, Job, Plan};
pub use usages::usages;

#[cfg(test)]
mod tests;
