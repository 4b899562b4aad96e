//! Two studies, compared without their images: settings, jobs, results. `runner diff` shows it.
//!
//! A study is an experiment file, planned, or the folder of a report. A report holds what is needed in `study.json`
//! ([`Record`]) and in the files of its finding.

mod compare;
mod record;
mod results;
mod show;

pub use compare::{Diff, diff};
pub use record::{DiffError, Record};
pub use results::Results;
pub use show::{json, text};

pub(crate) use record::FILE;
