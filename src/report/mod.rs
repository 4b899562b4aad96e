//! From the store to something people look at: HTML, PNG, CSV and Markdown. Never touches a model.
//!
//! Everything but `cost.html` and `cost.csv` is byte-identical whenever the stored artifacts are. [`data`] is what a
//! report shows; `collect` reads it from the store, and `sections` lists the parts of the page and of the
//! Markdown file.

mod axis;
mod build;
mod cells_json;
mod charts;
mod choice;
mod closeness;
mod collect;
mod columns;
pub(crate) mod command;
mod compare;
mod cost;
mod csv;
pub mod data;
pub mod diff;
mod effects;
mod error;
mod eye;
mod finding;
#[cfg(test)]
mod fixture;
mod folder;
mod grid;
mod heat;
mod index;
mod layout;
mod links;
mod live;
mod markdown;
mod measure_table;
mod membership;
mod name_test;
mod navigation;
mod nearest;
mod owner;
mod ranking;
mod rows;
mod scores;
mod sections;
mod sheet;
mod single_file;
mod style;
mod tags;
mod tensorboard;
#[cfg(test)]
mod tests;
mod titles;
mod viewer;
mod votes;
mod words;

pub use build::{Extras, build, write};
pub use collect::collect;
pub use data::StudyData;
pub use error::ReportError;
pub use owner::Owner;
pub use single_file::{is_single_file, single_file};
pub use votes::read_votes;
