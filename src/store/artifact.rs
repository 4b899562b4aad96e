//! A finished piece of work. It is only read.

use super::{
    error::{At, StoreError},
    files::read_small,
    intact::Intact,
    manifest::Manifest,
    name::{self, DONE, MANIFEST},
    stored::{StoredFile, is_absent},
};
use crate::{
    hashing::Fingerprint,
    stage::{Key, Stage},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A complete artifact: `DONE` is there and holds the hash of the manifest, every file has the size that the manifest
/// says, and every file that may have been touched since the commit was hashed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The folder, for messages: files are read by [`Artifact::read`] only.
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

/// How much of an artifact is read to judge it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Depth<'a> {
    /// `DONE`, the manifest, and what each file's metadata say. A file whose status changed after `DONE` was written
    /// (it was edited, copied or moved) is hashed, once in a process.
    Touched(&'a Intact),
    /// Every byte. This also finds what a failing disk did.
    Everything,
}

impl Artifact {
    /// Looks at a folder that should hold the artifact of `stage` and `key`.
    pub(super) fn look(dir: &Path, stage: Stage, key: &Key, depth: Depth<'_>) -> Result<Found, StoreError> {
        match Self::read_manifest(dir, stage, key)? {
            Found::Done(artifact) => match artifact.fault(depth)? {
                Some(what) => Ok(Found::Damaged(format!("{}: {what}", dir.display()))),
                None => Ok(Found::Done(artifact)),
            },
            other => Ok(other),
        }
    }

    /// Like [`Self::look`], without a look at the files: tells how an artifact was made.
    pub(super) fn read_manifest(dir: &Path, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        let damaged = |what: String| Ok(Found::Damaged(format!("{}: {what}", dir.display())));
        match fs::symlink_metadata(dir) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return damaged("it is not a folder".into()),
            Err(e) if is_absent(&e) => return Ok(Found::Missing),
            Err(e) => return Err(e).at("read", dir),
        }
        let Some(done) = read_small(&dir.join(DONE))? else { return damaged("it has no DONE file".into()) };
        let Some(text) = read_small(&dir.join(MANIFEST))? else { return damaged("it has no manifest.json".into()) };
        if done != done_text(&text).as_bytes() {
            return damaged("manifest.json is not the one that was committed".into());
        }
        match Manifest::parse(&text, stage, key) {
            Ok(manifest) => Ok(Found::Done(Box::new(Self { dir: dir.to_path_buf(), manifest }))),
            Err(what) => damaged(what),
        }
    }

    /// The first file that is not as it was committed.
    fn fault(&self, depth: Depth<'_>) -> Result<Option<String>, StoreError> {
        let done = self.dir.join(DONE);
        let done = Fingerprint::of(&fs::symlink_metadata(&done).at("read", &done)?);
        let left_alone =
            |now: Option<&Fingerprint>| now.zip(done.as_ref()).is_some_and(|(now, done)| now.is_older_than(done));
        for name in self.manifest.files.keys() {
            let file = self.file(name)?;
            let now = match fs::symlink_metadata(&file.path) {
                Ok(meta) if !meta.is_file() => return Ok(Some(format!("`{name}` is not a plain file"))),
                Ok(meta) if meta.len() != file.entry.bytes => {
                    let (found, wanted) = (meta.len(), file.entry.bytes);
                    return Ok(Some(format!("`{name}` has {found} bytes instead of {wanted}")));
                }
                Ok(meta) => Fingerprint::of(&meta),
                Err(e) if is_absent(&e) => return Ok(Some(format!("`{name}` is missing"))),
                Err(e) => return Err(e).at("read", &file.path),
            };
            let intact = match depth {
                Depth::Touched(_) if left_alone(now.as_ref()) => true,
                Depth::Touched(known) => known.or_check(&file.path, now.as_ref(), || file.is_intact())?,
                Depth::Everything => file.is_intact()?,
            };
            if !intact {
                return Ok(Some(format!("`{name}` was changed after it was stored")));
            }
        }
        Ok(None)
    }

    /// One of its files. Its content is not read yet.
    pub fn file(&self, name: &str) -> Result<StoredFile, StoreError> {
        let path = name::join(&self.dir, name)?;
        match self.manifest.files.get(name) {
            Some(entry) => Ok(StoredFile { path, entry: entry.clone() }),
            None => Err(StoreError::Damaged { path, what: "it is not part of this artifact".to_owned() }),
        }
    }

    /// Content of one of its files, checked against the manifest's hash.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.file(name)?.read()
    }
}

/// Content of `DONE`: the hash of the manifest.
pub(super) fn done_text(manifest: &[u8]) -> String {
    format!("{}\n", blake3::hash(manifest).to_hex())
}
