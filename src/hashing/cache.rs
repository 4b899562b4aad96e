//! Hashes of files, remembered from one run of the program to the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use blake3::Hash;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::files::{plain_file, write_atomic};

/// The hashes that were made last are kept.
const MOST_ENTRIES: usize = 4096;

/// A larger file is no cache of this program.
const LARGEST: u64 = 8 << 20;

/// The hashes of files, by path. A cache that is damaged, comes from another version or cannot be written costs time
/// and nothing else: whatever is loaded is compared with its hash in any case.
#[derive(Debug, Default)]
pub struct HashCache {
    file: Option<PathBuf>,
    entries: BTreeMap<String, Entry>,
    fresh: BTreeSet<String>,
    forgotten: BTreeSet<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    file: Fingerprint,
    hash: String,
    /// Seconds since 1970.
    made: u64,
    /// A checksum of the entry: a damaged one does not match.
    check: String,
}

impl Entry {
    fn new(path: &str, file: Fingerprint, hash: &Hash, now: Duration) -> Self {
        let (hash, made) = (hash.to_hex().to_string(), now.as_secs());
        let check = check(path, &file, &hash, made);
        Self { file, hash, made, check }
    }
}

fn check(path: &str, file: &Fingerprint, hash: &str, made: u64) -> String {
    blake3::hash(format!("{path}\n{file:?}\n{hash}\n{made}").as_bytes()).to_hex()[..16].to_owned()
}

impl HashCache {
    /// Remembers nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the cache in `file`; an empty one if there is no such file yet.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        Self { file: Some(file.to_owned()), entries: read(file), ..Self::default() }
    }

    /// Where it is stored.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The hash of a file that did not change since it was hashed; `metadata` is what the file system says now.
    #[must_use]
    pub fn get(&self, path: &Path, metadata: &Metadata) -> Option<Hash> {
        let entry = self.entries.get(&name(path)?)?;
        let same = Fingerprint::of(metadata).is_some_and(|now| now == entry.file);
        if same { Hash::from_hex(&entry.hash).ok() } else { None }
    }

    /// Remembers the hash of a file that was the same before and after it was read; a file that was written in the
    /// last two seconds is not remembered, because a further change might not show.
    pub fn put(&mut self, path: &Path, before: &Metadata, after: &Metadata, hash: &Hash) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.put_at(path, before, after, hash, now);
    }

    /// [`HashCache::put`] at a time since 1970.
    pub(super) fn put_at(&mut self, path: &Path, before: &Metadata, after: &Metadata, hash: &Hash, now: Duration) {
        if let (Some(path), Some(file)) = (name(path), Fingerprint::of(before))
            && Fingerprint::of(after).as_ref() == Some(&file)
            && file.settled(now)
        {
            self.entries.insert(path.clone(), Entry::new(&path, file, hash, now));
            self.fresh.insert(path);
        }
    }

    /// Forgets a file.
    pub(super) fn forget(&mut self, path: &Path) {
        if let Some(path) = name(path) {
            self.entries.remove(&path);
            self.fresh.remove(&path);
            self.forgotten.insert(path);
        }
    }

    /// Writes what is new, if the folder of the file exists. What another process wrote meanwhile stays. A cache that
    /// cannot be written is not an error.
    pub fn save(&mut self) {
        let Some(file) = self.file.clone().filter(|_| !self.fresh.is_empty() || !self.forgotten.is_empty()) else {
            return;
        };
        let mut entries = read(&file);
        entries.retain(|path, _| !self.forgotten.contains(path));
        for path in &self.fresh {
            if let Some(entry) = self.entries.get(path) {
                entries.insert(path.clone(), entry.clone());
            }
        }
        while entries.len() > MOST_ENTRIES
            && let Some(oldest) = entries.iter().min_by_key(|(_, entry)| entry.made).map(|(path, _)| path.clone())
        {
            entries.remove(&oldest);
        }
        if write(&file, &entries).is_ok() {
            self.fresh.clear();
            self.forgotten.clear();
        }
    }
}

/// Absolute and without links, so that one file has one name.
fn name(path: &Path) -> Option<String> {
    std::fs::canonicalize(path).ok()?.to_str().map(str::to_owned)
}

fn read(file: &Path) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> =
        plain_file::read(file, LARGEST).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    entries.retain(|path, entry| entry.check == check(path, &entry.file, &entry.hash, entry.made));
    entries
}

/// Writes the cache, unless its folder is not there: then there is no store yet.
fn write(file: &Path, entries: &BTreeMap<String, Entry>) -> std::io::Result<()> {
    file.parent().filter(|folder| folder.is_dir()).ok_or(std::io::ErrorKind::NotFound)?;
    write_atomic(file, &serde_json::to_vec(entries)?).map_err(|error| error.source)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};

    /// A file that was last changed a while ago, as the cache sees it.
    fn old(path: &Path, content: &str) -> Metadata {
        std::fs::write(path, content).unwrap();
        let time = SystemTime::now() - Duration::from_secs(3600);
        File::options().append(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
        std::fs::metadata(path).unwrap()
    }

    /// [`HashCache::put`] an hour from now: the time of change cannot be set, but is long past then.
    fn put_later(cache: &mut HashCache, path: &Path, metadata: &Metadata, hash: &Hash) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3600);
        cache.put_at(path, metadata, metadata, hash, now);
        assert!(cache.fresh.contains(&name(path).unwrap()));
    }

    #[test]
    fn a_hash_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, stored) = (folder.path().join("model"), folder.path().join("hashes.json"));
        let before = old(&path, "one");
        let hash = blake3::hash(b"one");
        let mut cache = HashCache::open(&stored);
        put_later(&mut cache, &path, &before, &hash);
        cache.save();
        assert_eq!(HashCache::open(&stored).get(&path, &before), Some(hash));
        // The same size and time of modification, but written again.
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, "two").unwrap();
        let times = FileTimes::new().set_modified(before.modified().unwrap());
        File::options().append(true).open(&path).unwrap().set_times(times).unwrap();
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
        assert_eq!(HashCache::open(&stored).get(&path, &after), None);
        let mut cache = HashCache::open(&stored);
        cache.forget(&path);
        cache.save();
        assert_eq!(HashCache::open(&stored).get(&path, &before), None);
    }

    #[test]
    fn a_file_that_was_just_written_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        // Only its time of change is new.
        let metadata = old(&path, "one");
        let mut cache = HashCache::open(&folder.path().join("hashes.json"));
        cache.put(&path, &metadata, &metadata, &blake3::hash(b"one"));
        assert_eq!(cache.get(&path, &metadata), None);
    }

    #[test]
    fn damage_costs_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let (path, stored) = (folder.path().join("model"), folder.path().join("hashes.json"));
        let metadata = old(&path, "one");
        let mut cache = HashCache::open(&stored);
        put_later(&mut cache, &path, &metadata, &blake3::hash(b"one"));
        cache.save();
        let good = std::fs::read_to_string(&stored).unwrap();
        let hash = blake3::hash(b"one").to_hex().to_string();
        for bad in [good.replace(&hash, &blake3::hash(b"two").to_hex()), good[..20].to_owned(), String::new()] {
            std::fs::write(&stored, &bad).unwrap();
            assert_eq!(HashCache::open(&stored).get(&path, &metadata), None, "{bad}");
        }
        std::fs::remove_file(&stored).unwrap();
        std::fs::create_dir(&stored).unwrap();
        let mut cache = HashCache::open(&stored);
        put_later(&mut cache, &path, &metadata, &blake3::hash(b"one"));
        cache.save();
        assert!(stored.is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn no_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let metadata = old(&path, "one");
        let mut cache = HashCache::open(&folder.path().join("store/hashes.json"));
        put_later(&mut cache, &path, &metadata, &blake3::hash(b"one"));
        cache.save();
        assert!(!folder.path().join("store").exists());
    }
}
