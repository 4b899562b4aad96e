//! The cache all Hugging Face programs share: `models--owner--name/{blobs,refs,snapshots}`, contents by checksum and
//! links to them by commit and name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::names::is_commit;
use crate::choice::ModelId;
use crate::files::plain_file;

/// The part of the cache that belongs to one model.
#[derive(Debug)]
pub(super) struct RepoCache {
    folder: PathBuf,
    locks: PathBuf,
}

impl RepoCache {
    /// The model's part of the cache folder; nothing is made yet.
    pub(super) fn new(cache: &Path, id: &ModelId) -> Self {
        let name = format!("models--{}--{}", id.owner, id.name);
        Self { locks: cache.join(".locks").join(&name), folder: cache.join(name) }
    }

    /// Where a content lies.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// Where a content grows. The name tells which one, so another is never continued by mistake.
    pub(super) fn partial(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The lock of a content.
    pub(super) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// The folder of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The commit a branch or tag meant when it was last asked for.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        /// A commit has 40 digits.
        const LONGEST: u64 = 1000;
        let file = self.folder.join("refs").join(revision);
        let text = plain_file::read(&file, LONGEST).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let commit = text.map_or_else(|| revision.to_owned(), |text| text.trim().to_owned());
        is_commit(&commit).then_some(commit)
    }

    /// Remembers which commit a branch or tag means.
    pub(super) fn set_commit(&self, revision: &str, commit: &str) -> io::Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(commit.as_bytes())?;
        readable(file.as_file())?;
        file.persist(&path)?;
        Ok(())
    }

    /// Makes a content appear under its name in the folder of a commit: as a relative link, or as a copy where links
    /// are impossible.
    pub(super) fn link(&self, etag: &str, commit: &str, name: &str) -> io::Result<()> {
        let path = self.snapshot(commit).join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let up = "../".repeat(name.matches('/').count() + 2);
        // Under another name first: a file that is there is replaced at once or not at all.
        let temp = path.with_file_name(format!(".{}.{}", std::process::id(), etag));
        remove(&temp)?;
        let blob = self.blob(etag);
        symlink(Path::new(&format!("{up}blobs/{etag}")), &temp)
            .or_else(|_| std::fs::hard_link(&blob, &temp))
            .or_else(|_| std::fs::copy(&blob, &temp).map(|_| ()))?;
        std::fs::rename(&temp, &path).inspect_err(|_| {
            // The first error matters.
            let _ = remove(&temp);
        })
    }
}

/// Removes a file or link; nothing there is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Temporary files are private at first; others may share the cache.
fn readable(file: &std::fs::File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.sync_all()
}

/// Bytes free where a path is or will be, if the system tells.
#[cfg(unix)]
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn links_are_relative_and_replace_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = RepoCache::new(folder.path(), &"a/b".parse().unwrap());
        std::fs::create_dir_all(folder.path().join("models--a--b/blobs")).unwrap();
        std::fs::write(cache.blob("e1"), "one").unwrap();
        std::fs::write(cache.blob("e2"), "two").unwrap();
        for name in ["top.json", "unet/config.json"] {
            cache.link("e1", COMMIT, name).unwrap();
            cache.link("e2", COMMIT, name).unwrap();
            let path = cache.snapshot(COMMIT).join(name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
            #[cfg(unix)]
            assert!(std::fs::read_link(&path).unwrap().is_relative());
            assert_eq!(
                std::fs::read_dir(path.parent().unwrap())
                    .unwrap()
                    .filter(|e| { e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.') })
                    .count(),
                0
            );
        }
    }

    #[test]
    fn a_revision_leads_to_its_commit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = RepoCache::new(folder.path(), &"a/b".parse().unwrap());
        assert_eq!(cache.commit("main"), None);
        for revision in ["main", "refs/pr/1"] {
            cache.set_commit(revision, COMMIT).unwrap();
            assert_eq!(cache.commit(revision).as_deref(), Some(COMMIT));
        }
        assert_eq!(cache.commit(COMMIT).as_deref(), Some(COMMIT));
        std::fs::write(folder.path().join("models--a--b/refs/main"), "../../x").unwrap();
        assert_eq!(cache.commit("main"), None);
    }
}
