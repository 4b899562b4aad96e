//! One file from the server into the cache: lock, transfer, check, rename. Nothing gets its final name before its
//! size and checksum are right, and what is not right is removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::HubError;
use super::attempts::{Attempts, retry};
use super::cache::{RepoCache, free_bytes, remove};
use super::fault::{Fault, Kind};
use super::http::Client;
use super::limits::Limits;
use super::lock::{self, Lock};
use super::news::{Download, Meter, News, Watch};
use super::remote::{Part, Remote};
use super::sound;
use super::stream::Stream;

/// How often a waiting runner says that it still waits, if nothing else can be told.
const STILL_WAITING: Duration = Duration::from_secs(60);

/// What fetching needs to know of the model.
pub(super) struct Fetcher<'a> {
    pub(super) client: &'a Arc<Client>,
    pub(super) cache: &'a RepoCache,
    /// `owner/name`, for URLs.
    pub(super) repo: &'a str,
    pub(super) commit: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) watch: Watch<'a>,
}

/// Why a file cannot be had.
pub(super) enum Failure {
    /// A request failed for good.
    Fault(Fault),
    /// The disk said no.
    Disk { action: &'static str, path: std::path::PathBuf, source: io::Error },
    /// There is no room.
    Full { needed: u64, free: u64, path: std::path::PathBuf },
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Failure {
    /// The same for the user.
    pub(super) fn explained(self, id: &str, file: &str, cache: &Path) -> HubError {
        match self {
            Self::Fault(fault) => HubError::of(fault, id, cache),
            Self::Disk { action, path, source } => HubError::Cache { id: id.to_owned(), action, path, source },
            Self::Full { needed, free, path } => {
                HubError::Full { id: id.to_owned(), file: file.to_owned(), needed, free, path }
            }
        }
    }
}

/// Gives an error of the disk its file.
fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Failure + 'a {
    move |source| match source.kind() {
        // The check of a file ends this way when the user stops.
        io::ErrorKind::Interrupted => Failure::Fault(Fault::stopped()),
        _ => Failure::Disk { action, path: path.to_owned(), source },
    }
}

impl Fetcher<'_> {
    /// Makes the file appear in the snapshot.
    pub(super) fn file(&self, name: &str) -> Result<(), Failure> {
        let (remote, stream) = retry(self.limits, self.watch, || self.ask(name, 0))?;
        let mut stream = Some(stream);
        let path = self.cache.lock(&remote.etag);
        let _lock = match lock::try_take(&path).map_err(at("lock", &path))? {
            Some(lock) => lock,
            None => {
                // The connection would wait too, and break.
                stream = None;
                let lock = self.wait(name, &remote, &path)?;
                if sound::fault(&self.cache.snapshot(self.commit).join(name)).is_none() {
                    return Ok(());
                }
                lock
            }
        };
        let blob = self.cache.blob(&remote.etag);
        if !self.is_right(&blob, &remote)? {
            self.download(name, &remote, stream)?;
        }
        let link = self.cache.link(&remote.etag, self.commit, name);
        link.map_err(at("make a link or copy in", &self.cache.snapshot(self.commit)))
    }

    /// Whether the content is there, by size and checksum.
    fn is_right(&self, path: &Path, remote: &Remote) -> Result<bool, Failure> {
        match std::fs::metadata(path) {
            Ok(meta) if !meta.is_file() || remote.size.is_some_and(|size| size != meta.len()) => Ok(false),
            Ok(_) => remote.digest.fits(path, self.watch.stop).map_err(at("read", path)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(at("read", path)(e)),
        }
    }

    /// Asks for the file from a byte on.
    fn ask(&self, name: &str, from: u64) -> Result<(Remote, Stream), Fault> {
        let path = format!("/{}/resolve/{}/{name}", self.repo, self.commit);
        let stream = Stream::open(self.client, &path, from, self.limits, self.watch.stop)?;
        let remote = Remote::read(&stream.answer, self.commit, name, self.limits)?;
        Ok((remote, stream))
    }

    /// Waits until another process has fetched the file or died, and tells how far it is.
    fn wait(&self, name: &str, remote: &Remote, path: &Path) -> Result<Lock, Failure> {
        let waiting = || (self.watch.news)(News::Note(format!("another program downloads {name}: waiting for it")));
        waiting();
        let (mut told, mut seen) = (Instant::now(), 0);
        loop {
            self.watch.pause(self.limits.poll);
            if (self.watch.stop)() {
                return Err(Fault::stopped().into());
            }
            if let Some(lock) = lock::try_take(path).map_err(at("lock", path))? {
                return Ok(lock);
            }
            let done = std::fs::metadata(self.cache.partial(&remote.etag)).map_or(0, |meta| meta.len());
            if done != seen && remote.size.is_none_or(|size| done < size) {
                (seen, told) = (done, Instant::now());
                let (file, total) = (name.to_owned(), remote.size.unwrap_or(0));
                let piece = Download { file, done, total, resumed: done, bytes_per_second: 0.0 };
                (self.watch.news)(News::Piece(piece));
            } else if told.elapsed() >= STILL_WAITING {
                told = Instant::now();
                waiting();
            }
        }
    }

    /// Transfers until the content is right, and gives it its name. `stream` is an answer that may be used if the
    /// file begins anew.
    fn download(&self, name: &str, remote: &Remote, mut stream: Option<Stream>) -> Result<(), Failure> {
        let (blob, partial) = (self.cache.blob(&remote.etag), self.cache.partial(&remote.etag));
        let folder = blob.parent().unwrap_or(&blob);
        std::fs::create_dir_all(folder).map_err(at("make the folder", folder))?;
        for _ in 0..self.limits.bad_copies {
            let have = std::fs::metadata(&partial).map_or(0, |meta| meta.len());
            let needed = remote.size.unwrap_or(0).saturating_sub(have);
            match free_bytes(folder) {
                Some(free) if free < needed => return Err(Failure::Full { needed, free, path: folder.to_owned() }),
                _ => self.transfer(name, remote, &partial, stream.take())?,
            }
            if self.is_right(&partial, remote)? {
                if remote.digest == super::digest::Digest::Unknown {
                    let host = self.client.endpoint().origin();
                    let what = format!("{host} has no checksum of {name}: only its size was checked");
                    (self.watch.news)(News::Warning(what));
                }
                let file = OpenOptions::new().write(true).open(&partial).map_err(at("write", &partial))?;
                file.sync_all().map_err(at("write", &partial))?;
                return std::fs::rename(&partial, &blob).map_err(at("rename", &partial));
            }
            remove(&partial).map_err(at("remove", &partial))?;
            (self.watch.news)(News::Note(format!(
                "{name} does not have the checksum the server tells: fetching it again"
            )));
        }
        let host = self.client.endpoint().origin();
        let what = format!(
            "{name} came {} times with another content than the checksum that {host} tells",
            self.limits.bad_copies
        );
        Err(Fault::new(Kind::Hostile, what).into())
    }

    /// Brings the partial file to the size it should have, in as many attempts as make sense.
    fn transfer(&self, name: &str, remote: &Remote, partial: &Path, first: Option<Stream>) -> Result<(), Failure> {
        let mut first = first;
        let mut attempts = Attempts::new(self.limits, self.watch);
        loop {
            let mut have = std::fs::metadata(partial).map_or(0, |meta| meta.len());
            if have > remote.most(self.limits) {
                remove(partial).map_err(at("remove", partial))?;
                have = 0;
            }
            if have > 0 && Some(have) == remote.size {
                return Ok(());
            }
            let stream = match first.take().filter(|_| have == 0) {
                Some(stream) => Ok(stream),
                None => self.again(name, remote, have),
            };
            let done = match stream {
                Ok(stream) => self.receive(name, remote, partial, have, stream)?,
                Err(fault) => Err(fault),
            };
            let Err(fault) = done else { return Ok(()) };
            let now = std::fs::metadata(partial).map_or(0, |meta| meta.len());
            attempts.failed(fault, now.saturating_sub(have))?;
        }
    }

    /// Asks once more; the answer must be about the same content.
    fn again(&self, name: &str, remote: &Remote, have: u64) -> Result<Stream, Fault> {
        let (now, stream) = self.ask(name, have)?;
        if now.etag != remote.etag || (now.size.is_some() && remote.size.is_some() && now.size != remote.size) {
            let host = self.client.endpoint().origin();
            return Err(Fault::new(Kind::Hostile, format!("{host} tells now this and now that checksum of {name}")));
        }
        Ok(stream)
    }

    /// Writes the body to the partial file. The outer error is one of the disk.
    fn receive(
        &self,
        name: &str,
        remote: &Remote,
        partial: &Path,
        have: u64,
        mut stream: Stream,
    ) -> Result<Result<(), Fault>, Failure> {
        let host = stream.answer.host();
        let broken = |what: String| Ok(Err(Fault::new(Kind::Broken, format!("{host} {what}"))));
        let start = match Part::read(&stream.answer, name) {
            Err(fault) => return Ok(Err(fault)),
            Ok(Some(part)) if part.start == have || part.start == 0 => part.start,
            // The server has no such part (416), or sends another one: from the beginning, then.
            Ok(_) => {
                remove(partial).map_err(at("remove", partial))?;
                return broken(format!("does not go on with {name} where it was left"));
            }
        };
        let mut file = open(partial, start).map_err(at("write", partial))?;
        let most = remote.most(self.limits);
        let mut done = start;
        let mut meter = Meter::new(self.watch, name, start, remote.size.unwrap_or(0));
        loop {
            let bytes = match stream.next(self.limits, self.watch.stop) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(fault) => return Ok(Err(fault)),
            };
            if bytes.len() as u64 > most - done {
                // Which of these bytes are right cannot be known.
                remove(partial).map_err(at("remove", partial))?;
                return broken(format!("sends more of {name} than the {most} bytes it may have"));
            }
            file.write_all(&bytes).map_err(at("write", partial))?;
            done += bytes.len() as u64;
            meter.at(done);
        }
        match remote.size {
            Some(size) if done < size => broken(format!("ended {name} after {done} of {size} bytes")),
            _ => Ok(Ok(())),
        }
    }
}

/// Opens the partial file to be written from `start` on; what lies behind is cut off.
fn open(path: &Path, start: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(file)
}
