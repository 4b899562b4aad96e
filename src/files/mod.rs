//! Files that are written as a whole, and files of others that are read with care.

mod atomic;
mod meant;
pub mod pickle;
pub mod plain_file;
pub mod unique;

pub use atomic::{FileError, TEMP_PREFIX, sync_folder, write_atomic};
pub use meant::instead;
