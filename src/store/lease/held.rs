//! Taking a right, keeping it by a heartbeat, giving it back.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use super::record::{Holder, Record};
use super::watch::Watch;
use crate::files::TEMP_PREFIX;
use crate::store::error::{At, StoreError};
use crate::store::files::{make_folder, remove};
use crate::store::stored::{is_absent, open_plain};

/// More than any record has.
const MOST_BYTES: u64 = 16 << 10;
/// So often another process may be quicker before we say that it has the right.
const TRIES: usize = 3;

/// A right that this process holds, until it is dropped.
#[derive(Debug)]
pub(in crate::store) struct Lease {
    held: Arc<Held>,
    /// The token of the holder before, if there was one.
    before: Option<String>,
    heart: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Held {
    folder: PathBuf,
    number: u64,
    holder: Holder,
    lost: AtomicBool,
    /// Heartbeats so far, and whether it is time to give the right back.
    beats: Mutex<(u64, bool)>,
    end: Condvar,
}

impl Lease {
    /// Takes the right of a folder for this process; `None` while another one has it. `device` is what it computes on.
    ///
    /// # Errors
    /// A folder or file that cannot be made or read.
    pub(in crate::store) fn take(folder: &Path, device: &str, watch: &Watch) -> Result<Option<Self>, StoreError> {
        Self::take_for(Holder::this(device).at("take the right of", folder)?, folder, watch)
    }

    /// Like [`Self::take`], for a holder that may say anything of itself.
    pub(in crate::store) fn take_for(holder: Holder, folder: &Path, watch: &Watch) -> Result<Option<Self>, StoreError> {
        if folder.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
            remove(folder)?;
        }
        for _ in 0..TRIES {
            make_folder(folder)?;
            let (last, before) = match newest(folder)? {
                Some((path, _, text)) if !watch.is_over(&path, &text) => return Ok(None),
                Some((_, number, text)) => (number, Record::parse(&text).map(|record| record.holder.token)),
                None => (0, None),
            };
            let (number, beats, end) = (last + 1, Mutex::new((0, false)), Condvar::new());
            if make(folder, number, &holder)? {
                let (folder, lost) = (folder.to_path_buf(), AtomicBool::new(false));
                let held = Arc::new(Held { folder, number, holder, lost, beats, end });
                held.remove_others();
                let beating = Arc::clone(&held);
                let heart = std::thread::Builder::new().name("heartbeat".into()).stack_size(128 << 10);
                let heart = heart.spawn(move || beating.live()).at("begin a heartbeat for", &held.folder);
                // Without a heartbeat the right is given back by the drop of what was made so far.
                let mut lease = Self { held, before, heart: None };
                lease.heart = Some(heart?);
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    /// The name under which this holder alone writes.
    pub(in crate::store) fn token(&self) -> &str {
        &self.held.holder.token
    }

    /// The token of the holder before.
    pub(in crate::store) fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// An error if another process took the right over.
    ///
    /// # Errors
    /// [`StoreError::Lost`], or a folder that cannot be read.
    pub(in crate::store) fn check(&self) -> Result<(), StoreError> {
        match self.held.is_ours()? {
            true => Ok(()),
            false => Err(StoreError::Lost { path: self.held.folder.clone() }),
        }
    }

    /// Like [`Self::check`], by what the heartbeat found a moment ago.
    pub(in crate::store) fn check_quickly(&self) -> Result<(), StoreError> {
        if self.held.lost.load(Ordering::SeqCst) { self.check() } else { Ok(()) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.held.beats.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.held.end.notify_all();
        if let Some(heart) = self.heart.take() {
            // A heart that panicked has stopped, and that is all we ask.
            let _ = heart.join();
        }
        // If this fails, others wait until the heartbeat was silent for long enough.
        let _ = self.held.beat(false);
    }
}

impl Held {
    /// Beats until the end.
    fn live(&self) {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        while !beats.1 {
            beats = self.end.wait_timeout(beats, self.holder.beat()).unwrap_or_else(PoisonError::into_inner).0;
            if beats.1 {
                return;
            }
            beats.0 += 1;
            drop(beats);
            // A file system that does not answer may answer the next time.
            if matches!(self.beat(true), Ok(false)) {
                self.lost.store(true, Ordering::SeqCst);
                return;
            }
            beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes a heartbeat over the last one. Says whether the right is still ours.
    fn beat(&self, held: bool) -> Result<bool, StoreError> {
        if !self.is_ours()? {
            return Ok(false);
        }
        let count = self.beats.lock().unwrap_or_else(PoisonError::into_inner).0;
        let (path, head) = (self.path(), Record::head(&self.holder));
        // Not created: if the file is gone, it stays so.
        let file = fs::File::options().write(true).open(&path);
        let written = file.and_then(|mut file| {
            file.seek(SeekFrom::Start(head.len() as u64))?;
            file.write_all(Record::beat(held, count).as_bytes())
        });
        match written {
            Err(e) if is_absent(&e) => Ok(false),
            written => written.at("write", &path).map(|()| true),
        }
    }

    fn is_ours(&self) -> Result<bool, StoreError> {
        let record = |text: &[u8]| Record::parse(text).is_some_and(|record| record.holder == self.holder);
        Ok(newest(&self.folder)?.is_some_and(|(_, number, text)| number == self.number && record(&text)))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(name(self.number))
    }

    /// Removes the files of earlier holders. What stays is removed by the next one.
    fn remove_others(&self) {
        for (path, number) in numbers(&self.folder).unwrap_or_default() {
            if number < self.number {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The file of the last holder: its path, number and content.
///
/// # Errors
/// A folder or file that cannot be read.
pub(in crate::store) fn newest(folder: &Path) -> Result<Option<(PathBuf, u64, Vec<u8>)>, StoreError> {
    // The file may be removed between listing and reading, but then there is a newer one.
    for _ in 0..TRIES {
        let Some((path, number)) = numbers(folder)?.into_iter().max_by_key(|(_, number)| *number) else {
            return Ok(None);
        };
        if let Some(file) = open_plain(&path)? {
            let mut text = Vec::new();
            file.take(MOST_BYTES).read_to_end(&mut text).at("read", &path)?;
            return Ok(Some((path, number, text)));
        }
        // Something that is no file is in the way.
        if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
            return Ok(Some((path, number, Vec::new())));
        }
    }
    Ok(None)
}

/// The files of all holders.
fn numbers(folder: &Path) -> Result<Vec<(PathBuf, u64)>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if is_absent(&e) => return Ok(Vec::new()),
        entries => entries.at("read", folder)?,
    };
    let number = |entry: fs::DirEntry| Some((entry.path(), entry.file_name().to_str()?.parse().ok()?));
    Ok(entries.filter_map(Result::ok).filter_map(number).collect())
}

fn name(number: u64) -> String {
    format!("{number:09}")
}

/// Makes the file of a number as a whole. `false` if it is there already.
fn make(folder: &Path, number: u64, holder: &Holder) -> Result<bool, StoreError> {
    let path = folder.join(name(number));
    let mut file = tempfile::Builder::new();
    file.prefix(TEMP_PREFIX);
    // The usual rights, so that several people can share a store.
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let made = file.tempfile_in(folder).and_then(|mut file| {
        file.write_all((Record::head(holder) + &Record::beat(true, 0)).as_bytes())?;
        file.persist_noclobber(&path).map(drop).map_err(io::Error::from)
    });
    match made {
        Ok(()) => Ok(true),
        // Somebody was quicker, or cleaned up.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists || is_absent(&e) => Ok(false),
        Err(e) => Err(e).at("write", &path),
    }
}
