//! How a report names and links conditions, cells and images.

pub(crate) mod axis;
pub(crate) mod choice;
pub(crate) mod command;
pub(crate) mod links;
pub(crate) mod subject;
pub(crate) mod titles;
pub(crate) mod words;
