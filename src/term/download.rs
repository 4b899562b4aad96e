//! How a file of the base model arrives: a bar on a terminal, a line now and then elsewhere.

use std::time::Instant;

use indicatif::ProgressBar;

use super::bar::{Bars, PLAIN_EVERY};
use crate::text::{bytes, duration, plain_name};

/// The file on its way.
pub(super) struct DownloadView {
    file: String,
    begun: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

/// What is known of it now.
pub(super) struct Arrived {
    pub(super) done: u64,
    /// 0: not known.
    pub(super) total: u64,
    pub(super) resumed: u64,
    pub(super) bytes_per_second: f64,
}

impl DownloadView {
    /// A file that begins to arrive.
    pub(super) fn new(file: &str, bars: Option<&Bars>, now: Instant) -> Self {
        let bar = bars.map(|bars| bars.add("download"));
        Self { file: file.to_owned(), begun: now, last_line: now, bar }
    }

    /// Whether this is the view of that file.
    pub(super) fn is_of(&self, file: &str) -> bool {
        self.file == file
    }

    /// More has arrived: moves the bar, or returns the line to write if it is time for one.
    pub(super) fn update(&mut self, arrived: &Arrived, now: Instant) -> Option<String> {
        let Arrived { done, total, resumed, bytes_per_second } = *arrived;
        let file = plain_name(&self.file);
        if done == total {
            let kept = if resumed > 0 { format!(", {} of it before", bytes(resumed)) } else { String::new() };
            let took = duration((now - self.begun).as_secs_f64());
            return Some(format!("downloaded {file}: {}{kept} in {took}", bytes(total)));
        }
        let mut parts = vec![if total > 0 { format!("{} of {}", bytes(done), bytes(total)) } else { bytes(done) }];
        if resumed > 0 {
            parts.push(format!("went on at {}", bytes(resumed)));
        }
        if bytes_per_second > 0.0 {
            parts.push(format!("{}/s", bytes(bytes_per_second as u64)));
            if total > done {
                parts.push(format!("ETA {}", duration((total - done) as f64 / bytes_per_second)));
            }
        }
        let text = parts.join("  ");
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(format!("{text}  {file}"));
            return None;
        }
        (now - self.last_line >= PLAIN_EVERY).then(|| {
            self.last_line = now;
            format!("download {file}  {text}")
        })
    }
}

impl Drop for DownloadView {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
