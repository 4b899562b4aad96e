//! What a download tells while it works, and how it is stopped.

use std::time::{Duration, Instant};

/// A piece that arrives sooner than this after the last one told is not told.
const EVERY: Duration = Duration::from_millis(500);

/// A file on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Download {
    /// Path in the repository.
    pub file: String,
    /// Bytes on disk.
    pub done: u64,
    /// Bytes of the whole file; 0 while that is not known.
    pub total: u64,
    /// Bytes that an earlier attempt had left and that were not fetched again.
    pub resumed: u64,
    /// How fast it comes, since this attempt began; 0 before that is known.
    pub bytes_per_second: f64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// More of a file has arrived.
    Piece(Download),
    /// The file on its way cannot be had; the error says why.
    Failed {
        /// Path in the repository.
        file: String,
    },
    /// Something worth a line.
    Note(String),
    /// Something the user should know.
    Warning(String),
}

/// Who listens to a download, and who may end it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Hears what happens.
    pub news: &'a dyn Fn(News),
    /// Whether to stop now.
    pub stop: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Waits, but not after a stop.
    pub(super) fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !(self.stop)() {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }
}

/// Tells the progress of one file, now and then.
pub(super) struct Meter<'a> {
    watch: Watch<'a>,
    state: Download,
    begun: Instant,
    told: Option<Instant>,
}

impl<'a> Meter<'a> {
    /// A file whose first `resumed` bytes are there.
    pub(super) fn new(watch: Watch<'a>, file: &str, resumed: u64, total: u64) -> Self {
        let state = Download { file: file.to_owned(), done: resumed, total, resumed, bytes_per_second: 0.0 };
        let mut meter = Self { watch, state, begun: Instant::now(), told: None };
        meter.at(resumed);
        meter
    }

    /// So much is on disk now.
    pub(super) fn at(&mut self, done: u64) {
        let now = Instant::now();
        self.state.done = done;
        let end = done == self.state.total;
        if end || self.told.is_none_or(|told| now - told >= EVERY) {
            let seconds = (now - self.begun).as_secs_f64();
            let fresh = done.saturating_sub(self.state.resumed) as f64;
            self.state.bytes_per_second = if seconds > 0.0 { fresh / seconds } else { 0.0 };
            self.told = Some(now);
            (self.watch.news)(News::Piece(self.state.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn the_meter_tells_the_beginning_and_the_end_and_little_between() {
        let told = RefCell::new(Vec::new());
        let news = |news| told.borrow_mut().push(news);
        let mut meter = Meter::new(Watch { news: &news, stop: &|| false }, "a", 100, 1000);
        (101..=1000).for_each(|done| meter.at(done));
        let told = told.borrow();
        let done: Vec<u64> =
            told.iter().filter_map(|n| if let News::Piece(p) = n { Some(p.done) } else { None }).collect();
        assert_eq!((done[0], done[done.len() - 1]), (100, 1000));
        assert!(done.len() < 10, "{done:?}");
        assert!(matches!(&told[0], News::Piece(p) if p.resumed == 100 && p.total == 1000));
    }
}
