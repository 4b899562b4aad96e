//! Whether the heartbeat of others still goes, by the clock of the one who watches.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::record::Record;

/// A file that is no record, e.g. after a power cut, is over after this time.
const OF_NOBODY: Duration = Duration::from_secs(60);

/// What a lease's file said when it changed last, and when that was seen. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Watch(Arc<Mutex<BTreeMap<PathBuf, Seen>>>);

/// The content of a file, and when it was seen first.
type Seen = (Vec<u8>, Instant);

/// What is known of the holder of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Life {
    /// It gave the right back, is dead, or was silent for too long.
    Over,
    /// It lives on this machine, or its heartbeat was heard to change.
    Sure,
    /// Nothing was heard of it, but not for long enough.
    Unsure,
}

impl Watch {
    /// Judges the holder by its file, `text`, which was read now.
    pub(in crate::store) fn judge(&self, path: &Path, text: &[u8]) -> Life {
        self.judge_at(path, text, Instant::now())
    }

    /// Whether a right is over.
    pub(in crate::store) fn is_over(&self, path: &Path, text: &[u8]) -> bool {
        self.judge(path, text) == Life::Over
    }

    fn judge_at(&self, path: &Path, text: &[u8], now: Instant) -> Life {
        let record = Record::parse(text);
        let patience = record.as_ref().map_or(OF_NOBODY, |record| record.holder.patience());
        let lives = record.as_ref().and_then(|record| record.holder.process.lives());
        if record.is_some_and(|record| !record.held) || lives == Some(false) {
            return Life::Over;
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(path) {
            Some((last, since)) if last == text => match now.saturating_duration_since(*since) > patience {
                true => Life::Over,
                false if lives == Some(true) => Life::Sure,
                false => Life::Unsure,
            },
            Some(changed) => {
                *changed = (text.to_vec(), now);
                Life::Sure
            }
            None => {
                seen.insert(path.to_path_buf(), (text.to_vec(), now));
                if lives == Some(true) { Life::Sure } else { Life::Unsure }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Holder;
    use super::*;

    #[test]
    fn silence_is_measured_by_the_watcher() {
        let mut holder = Holder::this("cpu").unwrap();
        holder.process.boot = Some("elsewhere".into());
        let text = |held, count| (Record::head(&holder) + &Record::beat(held, count)).into_bytes();
        let (watch, path, start) = (Watch::default(), Path::new("1"), Instant::now());
        let at = |seconds: u64, text: &[u8]| watch.judge_at(path, text, start + Duration::from_secs(seconds));
        let first = text(true, 1);
        assert_eq!([at(0, &first), at(59, &first)], [Life::Unsure; 2]);
        let second = text(true, 2);
        assert_eq!([at(60, &second), at(119, &second), at(121, &second)], [Life::Sure, Life::Unsure, Life::Over]);
        assert_eq!(at(122, &text(true, 3)), Life::Sure, "it was only slow");
        assert_eq!(at(123, &text(false, 4)), Life::Over, "given back");
        assert_eq!([at(124, b"torn"), at(184, b"torn"), at(185, b"torn")], [Life::Sure, Life::Unsure, Life::Over]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn on_the_same_machine_death_is_known_at_once() {
        let mut holder = Holder::this("cpu").unwrap();
        let text = |holder: &Holder| (Record::head(holder) + &Record::beat(true, 1)).into_bytes();
        let watch = Watch::default();
        assert_eq!(watch.judge(Path::new("1"), &text(&holder)), Life::Sure);
        holder.process.started = Some(1);
        assert_eq!(watch.judge(Path::new("2"), &text(&holder)), Life::Over);
    }
}
