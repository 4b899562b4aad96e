//! What an earlier attempt at a piece of work left: its folder, and those of its files that are as they were written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{At, StoreError};
use super::files::{remove, walk};
use super::journal::{self, JOURNAL};
use super::manifest::FileEntry;
use super::stored::is_absent;

/// Seconds spent by stopped attempts.
pub(super) const SECONDS: &str = ".seconds";
/// This file is there while somebody works. If the next attempt finds it, the last one was cut short.
pub(super) const ATTEMPT: &str = ".attempt";
/// Files of the folder that are no results.
pub(super) const OWN: [&str; 3] = [JOURNAL, SECONDS, ATTEMPT];

/// What an earlier attempt left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// It was cut short: the process was killed, or memory ran out.
    pub died: bool,
    /// Files that were not as they had been written, and were removed.
    pub damaged: Vec<String>,
}

/// Gives the folder of an earlier attempt the name `dir`: of all that there are the one of the last holder, `before`,
/// else the one it had left. Others are what somebody wrote who had lost its right.
pub(super) fn rename_to_own(works: &[PathBuf], before: Option<&Path>, dir: &Path) -> Result<(), StoreError> {
    let mut works: Vec<&PathBuf> = works.iter().collect();
    works.sort_by_key(|path| Some(path.as_path()) != before);
    for path in works {
        let is_first = dir.symlink_metadata().is_err();
        match fs::rename(path, dir) {
            Ok(()) => {}
            Err(_) if !is_first => remove(path)?,
            Err(e) if is_absent(&e) => {}
            Err(e) => return Err(e).at("take over", path),
        }
    }
    Ok(())
}

/// Keeps the files of an earlier attempt that still have the content it wrote, and removes everything else. Returns the
/// files, and what is to be said of that attempt.
pub(super) fn take_over(dir: &Path) -> Result<(BTreeMap<String, FileEntry>, Earlier), StoreError> {
    let written = journal::read(dir)?;
    let (mut kept, mut damaged) = (BTreeMap::new(), Vec::new());
    for entry in walk(dir).collect::<Result<Vec<_>, _>>().at("read", dir)? {
        let (path, kind) = (entry.path(), entry.file_type());
        let name = relative(dir, path);
        let own = name.as_deref().is_some_and(|name| OWN.contains(&name));
        let in_the_way = own || name.as_ref().is_some_and(|name| written.contains_key(name));
        if (own && kind.is_file()) || (kind.is_dir() && !in_the_way) {
            continue;
        }
        let intact = match &name {
            Some(name) if kind.is_file() => journal::intact(dir, name, &written)?,
            _ => None,
        };
        match (name, intact) {
            (Some(name), Some(entry)) => {
                kept.insert(name, entry);
            }
            (name, _) => {
                remove(path)?;
                damaged.extend(name.filter(|name| written.contains_key(name)));
            }
        }
    }
    remove(&dir.join(JOURNAL))?;
    for (name, entry) in &kept {
        journal::note(dir, name, entry)?;
    }
    let died = dir.join(ATTEMPT).symlink_metadata().is_ok();
    Ok((kept, Earlier { died, damaged }))
}

/// `path` below `dir` with forward slashes; `None` if it is not UTF-8.
pub(super) fn relative(dir: &Path, path: &Path) -> Option<String> {
    let inner = path.strip_prefix(dir).unwrap_or(path);
    let parts: Option<Vec<&str>> = inner.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}
