//! The loop: for each job of the plan, in the store? reuse : work → commit. A job that fails is recorded with
//! its reason and takes only its cells with it. Several runs may share a store: a job another process works on
//! is left to it, and other jobs are done meanwhile.

mod advice;
mod attempt;
mod board;
mod execute;
pub mod launcher;
mod order;
mod panics;
mod patience;
mod progress;
mod race;
mod ready;
mod run;
mod terms;
#[cfg(test)]
mod tests;
mod watch;

pub use advice::less_memory;
pub use order::Order;
pub use panics::{catch, install_hook};
pub use run::{FailedCell, Run, Summary};
pub use terms::{Terms, TimeLimit};
pub use watch::{Post, Watched};
