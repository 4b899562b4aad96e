//! The plan: which cells the experiment has and which pieces of work they share. Pure.

mod types;

pub use types::{Cell, Job, JobPhotos, Plan};
