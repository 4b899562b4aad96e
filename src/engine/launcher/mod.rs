//! Hands a study to a batch system: which arrays of tasks it becomes, their scripts, and what was submitted.
//!
//! A task does one job, with `runner work --job`. The state of a study is in the store alone: whatever happens to a
//! task, a later submission hands over what is missing.

mod arrays;
mod programs;
mod queue;
mod record;
mod script;
mod slurm;

pub use arrays::{After, Array, Task, arrays};
pub use programs::SlurmError;
pub use queue::{Queue, Queued};
pub use record::{Submission, Submitted};
pub use script::{TaskCommand, job_list, report_script, task_script};
pub use slurm::{Call, Resources, Slurm};
