//! Models of the Hub that are not on this machine.

use crate::experiment::settings::Base;
use crate::hub::HubError;

/// A base model or an encoder of the Hub that is not in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentModel {
    /// Where it comes from.
    pub base: Base,
    /// Whether its hash is known from an earlier run on this store. If not, nothing can be said of stored results.
    pub known: bool,
    /// What the cache lacks and a run would download, in a plain sentence.
    pub message: String,
}

impl AbsentModel {
    /// What stands in keys for a hash that is not known: no stored result has such a key.
    pub(super) fn stand_in(&self) -> String {
        match &self.base {
            Base::Hub { id, .. } => format!("{id} is not downloaded yet"),
            Base::Folder(path) | Base::File(path) => format!("{} is not there", path.display()),
        }
    }
}

/// What the cache lacks of a model.
pub(super) struct Lack {
    /// `owner/name@revision`
    id: String,
    /// In a plain sentence.
    pub(super) text: String,
}

impl Lack {
    /// Whether it is that model.
    pub(super) fn is_about(&self, base: &Base) -> bool {
        matches!(base, Base::Hub { id, .. } if self.id.split('@').next() == Some(id))
    }
}

/// What the cache lacks, if that is why a model was not found.
pub(super) fn missing_files(error: &anyhow::Error) -> Option<Lack> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(HubError::Offline { id, cache, missing }) => {
            let (cache, files) = (cache.display(), missing.join(", "));
            let text = format!("{id} is not complete in the Hub cache {cache}; a run would download {files}");
            Some(Lack { id: id.clone(), text })
        }
        _ => None,
    })
}
