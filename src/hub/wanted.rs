//! What is wanted of a repository.

use std::path::Path;

use super::error::HubError;
use crate::choice::ModelId;
use crate::tensors::ModelFolder;

/// What is wanted of a repository.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The kinds of folders that the model can have.
    pub kinds: &'a [&'a ModelFolder],
    /// Why the model in a folder cannot be used, as far as the files say so that are there. It is asked when the
    /// configurations have arrived, before anything large.
    pub refusal: &'a dyn Fn(&Path) -> Option<String>,
}

impl<'a> Wanted<'a> {
    /// The files of one of these kinds, whatever they say.
    #[must_use]
    pub fn files(kinds: &'a [&'a ModelFolder]) -> Self {
        Self { kinds, refusal: &|_| None }
    }

    /// Refuses a model that cannot be used.
    pub(super) fn check(&self, id: &ModelId, folder: &Path) -> Result<(), HubError> {
        let foreign = |reason| HubError::Foreign { id: id.to_string(), reason };
        (self.refusal)(folder).map_or(Ok(()), |reason| Err(foreign(reason)))
    }
}
