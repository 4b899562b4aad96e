//! Reading a model's `scheduler_config.json`.

mod class;
mod error;
mod keys;
mod read;

pub(crate) use class::SchedulerClass;
pub use error::ScheduleError;
pub use read::process;
