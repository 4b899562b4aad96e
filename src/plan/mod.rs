//! The plan: which cells the experiment has and which pieces of work they share. Pure.

mod status;
mod types;

pub use status::{JobStatus, status};
pub use types::{Cell, Job, JobPhotos, Plan};
