//! What a study was when it was locked: `runner lock X.toml` writes it beside the file, `--locked` insists on it.

mod differences;
mod file;

pub(super) use file::Locked;
pub use file::{Lock, LockError, lock_file};
