//! The list of a set of shards: which tensor lies in which file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::tensors::LoadError;
use crate::tensors::texts::small_text;

/// `<stem>.safetensors.index.json`, checked.
pub(super) struct Index {
    /// The file of each tensor: plain names in the folder of the list.
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Text {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads and checks a list.
    ///
    /// # Errors
    /// A text that is no such list, and one that names files elsewhere.
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let invalid = |reason: String| LoadError::Invalid { file: path.to_owned(), reason };
        let Text { weight_map: files } = serde_json::from_str(&small_text(path)?)
            .map_err(|_| invalid("it is not JSON with a `weight_map` from the names of tensors to files".to_owned()))?;
        for name in files.values() {
            if name.contains(['/', '\\', ':']) || !name.ends_with(".safetensors") {
                return Err(invalid(format!("{name:?} is not the name of a safetensors file in the same folder")));
            }
        }
        Ok(Self { files })
    }

    /// The files, sorted.
    pub(super) fn shards(&self) -> BTreeSet<&str> {
        self.files.values().map(String::as_str).collect()
    }

    /// The file that a tensor is taken from; `None` if the list does not have it.
    pub(super) fn shard_of(&self, tensor: &str) -> Option<&str> {
        self.files.get(tensor).map(String::as_str)
    }

    /// The tensors with their files.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(tensor, file)| (tensor.as_str(), file.as_str()))
    }
}
