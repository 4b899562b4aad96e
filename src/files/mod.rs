//! Files that are written as a whole.

mod atomic;

pub use atomic::{FileError, TEMP_PREFIX, sync_folder, write_atomic};
