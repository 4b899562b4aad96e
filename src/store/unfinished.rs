//! What others may see of work in progress.

use super::error::StoreError;
use super::files::read_small;
use super::journal;
use super::lookup::Store;
use super::manifest::FileEntry;
use super::name;
use crate::stage::{Key, Stage};

impl Store {
    /// The content of a file of unfinished work, if the work has written it. The work may be going on: then it is the
    /// content of this moment.
    ///
    /// # Errors
    /// A name that leaves the folder, or a file that cannot be read.
    pub fn unfinished(&self, stage: Stage, key: &Key, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        for dir in self.places.works(stage, key)? {
            let Some(bytes) = read_small(&name::join(&dir, name)?)? else { continue };
            // A content is noted before the file has it: the journal that is read now knows what was read before.
            let entry = FileEntry::of(&bytes);
            if journal::read(&dir)?.get(name).is_some_and(|written| written.contains(&entry)) {
                return Ok(Some(bytes));
            }
        }
        name::join(self.root(), name).map(|_| None)
    }
}
