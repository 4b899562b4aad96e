//! From the store to something people look at: HTML, PNG, CSV and Markdown. Never touches a model.
//!
//! Everything but `cost.html` and `cost.csv` is byte-identical whenever the stored artifacts are. [`data`] is what a
//! report shows; `collect` reads it from the store, and `sections` lists the parts of the page and of the
//! Markdown file.

mod build;
mod charts;
mod collect;
pub mod data;
pub mod diff;
mod error;
mod files;
mod finding;
#[cfg(test)]
mod fixture;
mod grid;
pub(crate) mod naming;
mod page;
mod sections;
mod sheet;
mod style;
mod tables;
#[cfg(test)]
mod tests;

pub use build::{Extras, build, write};
pub use collect::collect;
pub use data::StudyData;
pub use error::ReportError;
pub use files::owner::Owner;
pub use files::votes::read_votes;
pub use finding::{finding_json, finding_text};
pub use page::single_file::{is_single_file, single_file};
