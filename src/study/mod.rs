//! A study from its file to its plan: everything a program needs that wants to drive one.
//!
//! [`Study::read`] checks the file, [`Study::resolve`] looks up photos and base models and plans. Neither opens a
//! device, reads weights into memory or, unless [`HubAccess::Download`] allows it, uses the network: a study made on a
//! GPU can be planned and reported on a laptop or a login node.
//!
//! ```no_run
//! use runner::{experiment::Overrides, study::{HubAccess, Lookup, Study}, worker::StopFlag};
//! # fn main() -> anyhow::Result<()> {
//! let study = Study::read("experiments/shinchan.toml".as_ref(), &Overrides::default())?;
//! let lookup = Lookup {
//!     store: "reports/.store".as_ref(),
//!     hub: HubAccess::CacheOrAbsent,
//!     device_class: None,
//!     observer: &|event: &runner::event::Event| println!("{event:?}"),
//!     stop: &StopFlag::new(),
//! };
//! let resolved = study.resolve(&lookup)?;
//! println!("{} jobs on {}", resolved.plan.jobs.len(), resolved.device_class);
//! # Ok(())
//! # }
//! ```

mod absent;
mod class;
mod clip_skip;
mod encoders;
mod error;
mod lock;
mod lookup;
mod memories;
mod memory;
mod models;
mod photos;
mod read;
mod resolve;
mod sampler_steps;
mod sizes;

pub use absent::AbsentModel;
pub use error::StudyError;
pub use lock::{Lock, LockError, lock_file};
pub use lookup::{HubAccess, Lookup};
pub use memories::Memories;
pub use photos::CheckedPhotos;
pub use read::Study;
pub use resolve::Resolved;

#[cfg(test)]
mod tests;
