//! Walks through folders and lists the files that may be photos.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::PhotoError;
use super::found::Skipped;
use super::limits::MAX_ENTRIES;
use super::own::Own;

/// Folders nested more deeply than this below a named one are skipped; it stops nests of links.
const MAX_DEPTH: usize = 64;

/// A walk through all folders that the user named.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What was passed over, in the order of the walk.
    pub(super) skipped: Vec<Skipped>,
    /// A folder of masks, with its real path: nothing in it is a photo.
    masks: Option<PathBuf>,
    /// How many files and folders were met.
    entries: usize,
    own: Own,
}

impl Walk {
    /// A walk that passes over a folder of masks.
    pub(super) fn without(masks: Option<&Path>) -> Self {
        Self { masks: masks.and_then(|folder| folder.canonicalize().ok()), ..Self::default() }
    }

    /// The files of `root`, as (name relative to `root`, path), sorted by name. Links that lead nowhere or back to a
    /// folder above are skipped, and so is what this program made.
    ///
    /// # Errors
    /// A folder that cannot be read, or more than [`MAX_ENTRIES`] files and folders in all.
    pub(super) fn files(&mut self, root: &Path) -> Result<Vec<(String, PathBuf)>, PhotoError> {
        if root.metadata().map_err(|e| PhotoError::io(root, e))?.is_file() {
            let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(vec![(name, root.to_owned())]);
        }
        // The folder itself may be a report or lie in one: then one note about the folder is enough.
        let real = root.canonicalize().map_err(|e| PhotoError::io(root, e))?;
        let own_root = self.own.folder(&real).or_else(|| self.own.part(&real));
        if let Some(reason) = own_root {
            self.skip(root, reason, true);
        }
        let mut files = Vec::new();
        let mut walk = WalkDir::new(root).follow_links(true).max_depth(MAX_DEPTH).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(PhotoError::TooManyFiles { path: root.to_owned() });
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.skip_unreadable(error, root)?;
                    continue;
                }
            };
            let is_folder = entry.file_type().is_dir();
            let hidden = entry.depth() > 0 && is_hidden(entry.file_name());
            let passed_over = hidden || (is_folder && self.holds_masks(entry.path()));
            let own = if entry.depth() == 0 || passed_over {
                None
            } else {
                made_here(&entry, own_root.is_some(), &mut self.own)
            };
            if let Some(reason) = own.filter(|_| own_root.is_none()) {
                self.skip(entry.path(), reason, true);
            }
            match (is_folder, passed_over || own.is_some()) {
                (true, true) => walk.skip_current_dir(),
                (true, false) if entry.depth() == MAX_DEPTH => {
                    self.skip(entry.path(), "a folder nested too deeply", false)
                }
                (false, false) => files.push((relative_name(entry.path(), root), entry.into_path())),
                _ => {}
            }
        }
        files.sort();
        Ok(files)
    }

    fn holds_masks(&self, folder: &Path) -> bool {
        self.masks.as_ref().is_some_and(|masks| folder.canonicalize().is_ok_and(|real| real == *masks))
    }

    /// Skips links that lead nowhere or back; other errors end the walk.
    fn skip_unreadable(&mut self, error: walkdir::Error, root: &Path) -> Result<(), PhotoError> {
        let path = error.path().unwrap_or(root).to_owned();
        if path.file_name().is_some_and(is_hidden) && path != root {
            return Ok(());
        }
        if error.loop_ancestor().is_some() {
            self.skip(&path, "a link to a folder above it", false);
        } else if path.is_symlink() && !path.exists() {
            self.skip(&path, "a link that leads nowhere", false);
        } else {
            let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("cannot be walked"));
            return Err(PhotoError::io(&path, source));
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: &str, own: bool) {
        self.skipped.push(Skipped { path: path.to_owned(), reason: reason.to_owned(), own });
    }
}

/// Why an entry counts as made by this program: it is a folder that is a report or a store, or it lies in one because
/// a link leads there or the walk began there (`inside`).
fn made_here(entry: &walkdir::DirEntry, inside: bool, own: &mut Own) -> Option<&'static str> {
    let folder = entry.file_type().is_dir().then(|| own.folder(entry.path())).flatten();
    let place = (inside || entry.path_is_symlink()).then(|| entry.path().canonicalize().ok()).flatten();
    folder.or_else(|| own.part(&place?))
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The path below `root`, with `/` on every system.
pub(super) fn relative_name(path: &Path, root: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
