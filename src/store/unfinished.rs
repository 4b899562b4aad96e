//! What others may see of work in progress.

use super::error::StoreError;
use super::journal;
use super::lookup::Store;
use super::name;
use super::stored::StoredFile;
use crate::stage::{Key, Stage};

impl Store {
    /// The content of a file of unfinished work, if it is as it was written. The work may be going on: then it is the
    /// content of this moment, or `None` if the file is being replaced.
    ///
    /// # Errors
    /// A name that leaves the folder, or a file that cannot be read.
    pub fn unfinished(&self, stage: Stage, key: &Key, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let dir = self.places.work(stage, key);
        let path = name::join(&dir, name)?;
        let Some(entry) = journal::intact(&dir, name, &journal::read(&dir)?)? else { return Ok(None) };
        match (StoredFile { path, entry }).read() {
            Err(error) if error.is_damage() => Ok(None),
            read => read.map(Some),
        }
    }
}
