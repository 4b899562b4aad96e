//! Progress bars below the lines: one for each job or file that is on its way.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Plain progress lines are at least this far apart.
pub(super) const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// All bars on standard error.
#[derive(Clone)]
pub(super) struct Bars(MultiProgress);

impl Bars {
    pub(super) fn new() -> Self {
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
    }

    /// Adds a bar below the others, with a short name before it; what does not fit into the line behind it is cut off.
    pub(super) fn add(&self, name: &str) -> ProgressBar {
        // A bar without a length would look full.
        let bar = self.0.add(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden()));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:14}  {bar:16}  {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Writes lines above the bars.
    pub(super) fn above(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}
