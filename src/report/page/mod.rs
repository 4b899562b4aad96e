//! The frame of the page: its layout, its viewer, and the other forms that the page takes.

pub(crate) mod column;
pub(crate) mod cost;
pub(crate) mod index;
pub(crate) mod layout;
pub(crate) mod live;
pub(crate) mod navigation;
pub(crate) mod prompt_rows;
pub(crate) mod single_file;
pub(crate) mod tags;
pub(crate) mod viewer;
