//! The study as JSON: `cells.json` for programs, and a shorter copy in the page for its own scripts.
//!
//! `docs/report.md` describes every key. The page's copy leaves out what scripts of the page do not read, and rounds.

mod images;
mod reader;
mod short;
mod study;
mod write;

pub(crate) use write::{FILE, block, file};
