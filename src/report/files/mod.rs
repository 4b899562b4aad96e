//! The files of a report beside its pages, and the folder that they lie in.

pub(crate) mod cells_json;
pub(crate) mod csv;
mod digits;
pub(crate) mod folder;
pub(crate) mod light;
pub(crate) mod markdown;
pub(crate) mod owner;
pub(crate) mod tensorboard;
pub(crate) mod votes;
