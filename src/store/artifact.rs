//! A finished piece of work: read-only.

use super::{
    Key, Manifest, StoreError,
    error::At,
    files::read_small,
    name::{self, DONE, MANIFEST},
};
use crate::stage::Stage;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A complete artifact: `DONE` is there, the manifest is the one `DONE` vouches for, every file has its size.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Where its files are.
    pub dir: PathBuf,
    /// What it was made from, and its files.
    pub manifest: Manifest,
}

/// What lies at an artifact's place.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// Something that cannot be used, and why; it is replaced by the next commit.
    Damaged(String),
    /// A complete artifact.
    Done(Box<Artifact>),
}

impl Artifact {
    /// Looks at a folder that should hold the artifact of `stage` and `key`.
    pub(super) fn look(dir: &Path, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        if !dir.exists() {
            return Ok(Found::Missing);
        }
        let damaged = |what: String| Ok(Found::Damaged(format!("{}: {what}", dir.display())));
        let Some(done) = read_small(&dir.join(DONE))? else { return damaged("it has no DONE file".into()) };
        let Some(text) = read_small(&dir.join(MANIFEST))? else { return damaged("it has no manifest.json".into()) };
        if done != done_text(&text).as_bytes() {
            return damaged("manifest.json is not the one that was committed".into());
        }
        let manifest = match Manifest::parse(&text, stage, key) {
            Ok(manifest) => manifest,
            Err(what) => return damaged(what),
        };
        for (file, entry) in &manifest.files {
            let path = name::join(dir, file)?;
            match fs::symlink_metadata(&path) {
                Ok(meta) if !meta.is_file() => return damaged(format!("`{file}` is not a plain file")),
                Ok(meta) if meta.len() != entry.bytes => {
                    return damaged(format!("`{file}` has {} bytes instead of {}", meta.len(), entry.bytes));
                }
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return damaged(format!("`{file}` is missing"));
                }
                Err(e) => return Err(e).at("read", &path),
            }
        }
        Ok(Found::Done(Box::new(Self { dir: dir.to_path_buf(), manifest })))
    }

    /// Path of one of its files; the name is checked, the file need not be listed.
    pub fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        name::join(&self.dir, name)
    }

    /// Content of one of its files, checked against the manifest's hash.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path(name)?;
        let damaged = |what: &str| StoreError::Damaged { path: self.dir.clone(), what: format!("`{name}` {what}") };
        let entry = self.manifest.files.get(name).ok_or_else(|| damaged("is not part of this artifact"))?;
        let file = fs::File::open(&path).at("read", &path)?;
        let mut bytes = Vec::new();
        file.take(entry.bytes.saturating_add(1)).read_to_end(&mut bytes).at("read", &path)?;
        if blake3::hash(&bytes).to_hex().as_str() != entry.blake3 {
            return Err(damaged("was changed after it was stored"));
        }
        Ok(bytes)
    }
}

/// Content of `DONE`: the hash of the manifest it vouches for.
pub(super) fn done_text(manifest: &[u8]) -> String {
    format!("{}\n", blake3::hash(manifest).to_hex())
}
