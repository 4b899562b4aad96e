//! What a report shows, as plain data: everything the writers need, nothing they have to look up.
//!
//! `collect` makes it from the plan and the store; tests make it by hand. Nothing in here depends on
//! the clock except [`Cost`], which only `cost.html` and `cost.csv` show.

mod cell;
mod cost;
mod csv_table;
mod drawing;
mod likeness;
mod live;
mod picture;
mod probes;
mod problem;
mod race;
mod setting;
mod study;
mod vote;

pub use crate::records::images::Group;
pub use cell::CellData;
pub use cost::Cost;
pub use csv_table::CsvTable;
pub use drawing::Drawing;
pub use likeness::{EncoderData, Likeness};
pub use live::{Live, Running};
pub use picture::{ImageSet, PhotoData, Picture, find};
pub use probes::{Probes, select};
pub use problem::{Problem, ProblemKind};
pub use race::{Race, RaceStop};
pub use setting::{Axis, Setting};
pub use study::{ReportFile, SkippedFile, StudyData};
pub use vote::{BASE_MODEL, Choice, HASH_DIGITS, Vote, Voted};
