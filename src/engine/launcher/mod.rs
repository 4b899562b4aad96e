//! Hands a study to a batch system: which arrays of tasks it becomes, their scripts, and what was submitted.
//!
//! A task does one job, with `runner work --job`. The state of a study is in the store alone: whatever happens to a
//! task, a later submission hands over what is missing.

mod arrays;
mod programs;
mod queue;
mod record;
mod resources;
mod script;
mod slurm;
mod turn;

pub use arrays::{After, Array, Task, arrays};
pub use programs::SlurmError;
pub use queue::{Queue, Queued};
pub use record::{Submission, Submitted};
pub use resources::Resources;
pub use script::{TaskCommand, job_list, next_script, report_script, task_script};
pub use slurm::{Call, Slurm};
pub use turn::Turn;
