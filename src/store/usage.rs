//! What keeps `clean` out while others work: everyone who makes artifacts says so in `.in-use/`, `clean` needs the
//! store alone. Each says first that it is there, and then looks for the others: of two that come together, at least
//! one sees the other.

use super::{
    error::{At, StoreError},
    files::remove,
    lease::{Lease, Life, Watch, newest},
};
use crate::files::unique;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long `clean` waits for programs that are about to end.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often others are asked for.
const POLL: Duration = Duration::from_millis(20);
/// The name of the one who removes things.
const ALONE: &str = "alone";

/// The right to remove things; `None` while another process works in the store. A process of another machine of which
/// nothing is heard is waited for.
///
/// # Errors
/// A file that cannot be made.
pub(super) fn alone(root: &Path, watch: &Watch) -> Result<Option<Lease>, StoreError> {
    let begun = Instant::now();
    loop {
        if let Some(lease) = Lease::take(&folder(root)?.join(ALONE), "", watch)? {
            loop {
                match others(root, watch)? {
                    Life::Over => return Ok(Some(lease)),
                    Life::Sure if begun.elapsed() > PATIENCE => return Ok(None),
                    Life::Sure | Life::Unsure => std::thread::sleep(POLL),
                }
            }
        }
        if begun.elapsed() > PATIENCE {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// The right to work in the store. Waits until a `clean` has ended.
///
/// # Errors
/// A file that cannot be made.
pub(super) fn share(root: &Path, watch: &Watch) -> Result<Lease, StoreError> {
    let folder = folder(root)?;
    let own = folder.join(unique::token().at("write", &folder)?);
    let lease = loop {
        // A new folder has no other holder; a `clean` that ends may have removed it.
        if let Some(lease) = Lease::take(&own, "", watch)? {
            break lease;
        }
    };
    while newest(&folder.join(ALONE))?.is_some_and(|(path, _, text)| !watch.is_over(&path, &text)) {
        std::thread::sleep(POLL);
    }
    Ok(lease)
}

/// What is known of those who work in the store, the least welcome first. What dead ones left is removed.
fn others(root: &Path, watch: &Watch) -> Result<Life, StoreError> {
    let folder = folder(root)?;
    let entries = std::fs::read_dir(&folder).at("read", &folder)?.filter_map(Result::ok);
    let mut all = Life::Over;
    for entry in entries.filter(|entry| entry.file_name() != ALONE) {
        let life = newest(&entry.path())?.map_or(Life::Over, |(path, _, text)| watch.judge(&path, &text));
        match life {
            Life::Over => remove(&entry.path())?,
            Life::Sure => all = Life::Sure,
            Life::Unsure if all == Life::Over => all = Life::Unsure,
            Life::Unsure => {}
        }
    }
    Ok(all)
}

fn folder(root: &Path) -> Result<PathBuf, StoreError> {
    let path = root.join(".in-use");
    // A file of that name is of an older version.
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
        remove(&path)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    #[test]
    fn a_cleaner_is_alone_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Store::alone(&folder.path().join("none")).unwrap().is_some());
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        assert!(Store::alone(folder.path()).unwrap().is_none());
        drop((one, two));
        let alone = Store::alone(folder.path()).unwrap().unwrap();
        assert!(Store::alone(folder.path()).unwrap().is_none());
        drop(alone);
        Store::open(folder.path()).unwrap();
    }
}
