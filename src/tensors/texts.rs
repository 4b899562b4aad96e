//! The small text files of a model, each read once: what is parsed is what is hashed.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use blake3::Hash;

use crate::files::plain_file;
use crate::tensors::LoadError;
use crate::tensors::looks::looks_like;

/// More bytes than any vocabulary has; CLIP's is 1 MB.
const LARGEST: u64 = 64 << 20;

/// The text files below one folder, by name.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Texts {
    /// Those of these names that are there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn of(folder: &Path, names: &[impl AsRef<str>]) -> Result<Self, LoadError> {
        let mut files = BTreeMap::new();
        for name in names.iter().map(AsRef::as_ref) {
            let file = folder.join(name);
            if file.is_file() {
                files.insert(name.to_owned(), read(&file)?);
            }
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// Texts that lie in no folder; `source` stands for it in messages.
    pub(crate) fn given(source: &Path, files: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let files = files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
        Self { folder: source.to_owned(), files }
    }

    /// The same without a file.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let mut fewer = self.clone();
        fewer.files.retain(|name, _| !names.contains(&name.as_str()));
        fewer
    }

    /// Where a file lies or would lie, for messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file, `None` if there is none.
    ///
    /// # Errors
    /// A file that is no text; says what it is.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, LoadError> {
        self.files.get(name).map(|bytes| text(&self.path(name), bytes)).transpose()
    }

    /// The text of a file that must be there.
    ///
    /// # Errors
    /// As [`get`](Self::get), and a file that is not there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, LoadError> {
        let missing = || LoadError::Read { file: self.path(name), source: std::io::ErrorKind::NotFound.into() };
        self.get(name)?.ok_or_else(missing)
    }

    /// The hash of each file, `prefix` before its name.
    pub(crate) fn hashes(&self, prefix: &str) -> impl Iterator<Item = (String, Hash)> {
        self.files.iter().map(move |(name, bytes)| (format!("{prefix}{name}"), blake3::hash(bytes)))
    }
}

/// The text of a small file.
///
/// # Errors
/// A file that cannot be read or is no text.
pub(crate) fn small_text(file: &Path) -> Result<String, LoadError> {
    text(file, &read(file)?).map(str::to_owned)
}

fn text<'a>(file: &Path, bytes: &'a [u8]) -> Result<&'a str, LoadError> {
    let invalid = |reason: String| LoadError::Invalid { file: file.to_owned(), reason };
    if let Some(what) = looks_like(bytes, file) {
        return Err(invalid(what));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("it is not text in UTF-8".to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The bytes of a small file.
fn read(file: &Path) -> Result<Vec<u8>, LoadError> {
    plain_file::read(file, LARGEST).map_err(|source| match source.kind() {
        ErrorKind::FileTooLarge => {
            let reason = format!("it has more than {} MB: that is more than such a file has", LARGEST >> 20);
            LoadError::Invalid { file: file.to_owned(), reason }
        }
        _ => LoadError::Read { file: file.to_owned(), source },
    })
}
