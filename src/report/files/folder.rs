//! The files of a report folder. Each is written to a temporary file, flushed and renamed, so that a reader never sees
//! half of one. Files of an earlier report that are no longer part of it are removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::files::plain_file;
use crate::files::{TEMP_PREFIX, write_atomic};
use crate::report::error::ReportError;
use crate::store::StoredFile;

/// The list of the files that the report made, one per line. Only those are ever removed.
const LIST: &str = crate::photos::REPORT_LIST;

/// At most so many bytes of the list are read: enough for some hundred thousand names.
const MOST_LIST: u64 = 16 << 20;

/// A report folder being written.
pub(crate) struct Folder {
    root: PathBuf,
    written: BTreeSet<String>,
    /// The files of the store in whose place copies were written.
    originals: BTreeMap<String, StoredFile>,
}

impl Folder {
    /// Opens the folder and makes it if needed. Removes what a killed report has left half written.
    pub(crate) fn open(root: &Path) -> Result<Self, ReportError> {
        fs::create_dir_all(root).map_err(|e| ReportError::write(root, e))?;
        // The list exists from the first moment on: it tells a report from a folder of photos, also after a kill.
        let list = root.join(LIST);
        if !list.exists() {
            write_atomic(&list, b"")?;
        }
        remove_temporary(root);
        Ok(Self { root: root.to_owned(), written: BTreeSet::new(), originals: BTreeMap::new() })
    }

    /// Writes one file; leaves it alone when it already holds these bytes.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        let path = self.path(name)?;
        if !holds(&path, bytes) {
            write_atomic(&path, bytes)?;
        }
        self.written.insert(name.to_owned());
        Ok(())
    }

    /// Copies one file of the store, if it is what was stored. Says whether it was there already.
    pub(crate) fn copy(&mut self, name: &str, from: &StoredFile) -> Result<bool, ReportError> {
        let bytes = from.read()?;
        let there = holds(&self.path(name)?, &bytes);
        self.write(name, &bytes).map(|()| there)
    }

    /// Writes a copy that is not what was stored; who draws with it gets the original.
    pub(crate) fn write_copy(&mut self, name: &str, bytes: &[u8], original: &StoredFile) -> Result<(), ReportError> {
        self.originals.insert(name.to_owned(), original.clone());
        self.write(name, bytes)
    }

    /// Leaves a file of an earlier report as it is. Says whether there is one.
    pub(crate) fn keep(&mut self, name: &str) -> Result<bool, ReportError> {
        let there = self.path(name)?.symlink_metadata().is_ok_and(|meta| meta.is_file());
        if there {
            self.written.insert(name.to_owned());
        }
        Ok(there)
    }

    /// Reads a file written before, or what it is a copy of.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, ReportError> {
        if let Some(original) = self.originals.get(name) {
            return original.read().map_err(Into::into);
        }
        let path = self.path(name)?;
        fs::read(&path).map_err(|e| ReportError::read(&path, e))
    }

    /// Removes what an earlier report wrote and this one did not, then writes the list.
    pub(crate) fn finish(mut self) -> Result<(), ReportError> {
        let earlier = plain_file::read(&self.root.join(LIST), MOST_LIST).unwrap_or_default();
        let earlier = String::from_utf8_lossy(&earlier);
        for name in earlier.lines().filter(|n| !self.written.contains(*n)) {
            // A damaged list may name something outside the folder; such a name is skipped.
            let Ok(path) = self.path(name) else { continue };
            if path.is_file() && fs::remove_file(&path).is_ok() {
                self.remove_empty_parents(&path);
            }
        }
        let mut list = String::new();
        for name in &self.written {
            list.push_str(name);
            list.push('\n');
        }
        self.write(LIST, list.as_bytes())
    }

    fn remove_empty_parents(&self, path: &Path) {
        for parent in path.ancestors().skip(1).take_while(|p| *p != self.root) {
            // This fails, as it should, on a folder that is not empty.
            if fs::remove_dir(parent).is_err() {
                return;
            }
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, ReportError> {
        let plain = !name.is_empty()
            && !name.contains(['\\', '\n', '\0'])
            && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        if !plain {
            return Err(ReportError::Name(name.to_owned()));
        }
        // Through a link in place of a folder, files elsewhere would be written or removed.
        let mut folder = self.root.clone();
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            if folder.is_symlink() {
                return Err(ReportError::Link(folder));
            }
        }
        Ok(self.root.join(name))
    }
}

/// Removes temporary files of earlier reports. Nobody else writes at this time: who writes a report holds its lock.
fn remove_temporary(root: &Path) {
    let ours = |name: &str| {
        let rest = name.strip_prefix(TEMP_PREFIX).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    // Folders of a report are at most four deep: `thumbnails/compare/images/<cell>`.
    let entries = walkdir::WalkDir::new(root).max_depth(5).into_iter().filter_map(Result::ok);
    for entry in entries.filter(|e| e.file_type().is_file() && e.file_name().to_str().is_some_and(ours)) {
        // A file that stays is not part of the report and does no harm.
        let _ = fs::remove_file(entry.path());
    }
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let same_length = fs::symlink_metadata(path).is_ok_and(|m| m.is_file() && m.len() == bytes.len() as u64);
    same_length && fs::read(path).is_ok_and(|old| old == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_stale_files_are_removed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut first = Folder::open(dir.path()).expect("opens");
        first.write("images/a/p00.png", b"x").expect("writes");
        first.write("index.html", b"x").expect("writes");
        first.finish().expect("finishes");
        fs::write(dir.path().join("notes.txt"), "mine").expect("writes");

        let mut second = Folder::open(dir.path()).expect("opens");
        second.write("index.html", b"y").expect("writes");
        second.finish().expect("finishes");
        assert!(!dir.path().join("images").exists());
        assert!(dir.path().join("notes.txt").exists());
        assert_eq!(fs::read(dir.path().join("index.html")).expect("reads"), b"y");
        assert_eq!(fs::read_to_string(dir.path().join(LIST)).expect("reads"), "index.html\n");
    }

    #[test]
    fn what_is_kept_is_not_removed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut first = Folder::open(dir.path()).expect("opens");
        first.write("a/small.jpg", b"x").expect("writes");
        first.finish().expect("finishes");
        let mut second = Folder::open(dir.path()).expect("opens");
        assert!(second.keep("a/small.jpg").expect("inside") && !second.keep("b.jpg").expect("inside"));
        assert!(second.keep("../x").is_err());
        second.finish().expect("finishes");
        assert!(dir.path().join("a/small.jpg").exists());
    }

    #[test]
    fn what_a_killed_report_left_is_removed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let deep = dir.path().join("thumbnails/images/baseline");
        fs::create_dir_all(&deep).expect("makes");
        let left = [dir.path().join(".tmp-4711-0"), deep.join(".tmp-12-345")];
        let mine = [dir.path().join(".tmp-notes.txt"), dir.path().join("tmp-1-2"), dir.path().join(LIST)];
        left.iter().chain(&mine).for_each(|path| fs::write(path, "").expect("writes"));
        Folder::open(dir.path()).expect("opens");
        assert!(left.iter().all(|path| !path.exists()));
        assert!(mine.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_damaged_list_removes_nothing_outside() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let inside = dir.path().join("report");
        fs::create_dir(&inside).expect("makes");
        fs::write(dir.path().join("precious"), "mine").expect("writes");
        fs::write(inside.join(LIST), "../precious\n/etc/hostname\n\n.\n").expect("writes");
        Folder::open(&inside).expect("opens").finish().expect("finishes");
        assert!(dir.path().join("precious").exists());
    }

    #[test]
    fn names_stay_inside() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut folder = Folder::open(dir.path()).expect("opens");
        for name in ["../x", "/x", "a/../../x", "", "a\\b"] {
            assert!(folder.write(name, b"").is_err(), "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_place_of_a_folder_is_not_followed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (out, elsewhere) = (dir.path().join("report"), dir.path().join("elsewhere"));
        let mut folder = Folder::open(&out).expect("opens");
        folder.write("images/a/p.png", b"x").expect("writes");
        folder.finish().expect("finishes");
        fs::rename(out.join("images"), &elsewhere).expect("moves");
        std::os::unix::fs::symlink(&elsewhere, out.join("images")).expect("links");
        let mut folder = Folder::open(&out).expect("opens");
        let error = folder.write("images/a/q.png", b"y").expect_err("refused").to_string();
        assert!(error.contains("images is a link"), "{error}");
        folder.finish().expect("finishes");
        assert!(elsewhere.join("a/p.png").exists() && !elsewhere.join("a/q.png").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("file"), "").expect("writes");
        let error = Folder::open(&dir.path().join("file/report")).err().expect("refused");
        assert!(error.to_string().contains("file/report"), "{error}");
    }
}
