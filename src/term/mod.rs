//! Progress for people and programs: consumes events, writes bars or lines to standard error, JSON to standard output.

mod download;
mod human;
mod pace;
mod style;

pub use human::{bytes, duration, plain_text};
pub use style::{ColorChoice, Paint};

use crate::event::{Event, Observer};
use download::{Arrived, DownloadView};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pace::Pace;
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Plain progress lines are at least this far apart.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// A bar on a terminal; lines elsewhere, in CI and with `TERM=dumb`
    #[default]
    Auto,
    /// A bar with rate and remaining time
    Bar,
    /// A line now and then
    Plain,
    /// Only warnings and failures
    None,
}

impl ProgressMode {
    /// `Auto` decided for this standard error and environment.
    #[must_use]
    pub fn resolve(self) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto if !std::io::stderr().is_terminal() || set("CI") => Self::Plain,
            Self::Auto if std::env::var_os("TERM").is_some_and(|term| term == "dumb") => Self::Plain,
            Self::Auto => Self::Bar,
            chosen => chosen,
        }
    }
}

/// Shows events. Errors of the streams are ignored: work goes on when nobody listens any more.
pub struct Terminal {
    state: Mutex<State>,
}

struct State {
    mode: ProgressMode,
    paint: Paint,
    /// Lines for people; standard error.
    lines: Box<dyn Write + Send>,
    /// One JSON event a line, if wanted; standard output.
    json: Option<Box<dyn Write + Send>>,
    job: Option<JobView>,
    download: Option<DownloadView>,
    report: Option<PathBuf>,
}

/// The job being worked on.
struct JobView {
    title: String,
    pace: Pace,
    last_line: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// Lines and bars go to standard error, JSON (if wanted) to standard output.
    #[must_use]
    pub fn new(mode: ProgressMode, paint: Paint, json: bool) -> Self {
        let json: Option<Box<dyn Write + Send>> = json.then(|| Box::new(std::io::stdout()) as _);
        Self::to_writers(mode, paint, Box::new(std::io::stderr()), json)
    }

    fn to_writers(
        mode: ProgressMode,
        paint: Paint,
        lines: Box<dyn Write + Send>,
        json: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let state = State { mode: mode.resolve(), paint, lines, json, job: None, download: None, report: None };
        Self { state: Mutex::new(state) }
    }
}

impl Observer for Terminal {
    fn observe(&self, event: &Event) {
        // A panic of another thread while it held the lock leaves a state that is good enough to show.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.write_json(event);
        state.show(event, Instant::now());
    }
}

impl State {
    fn write_json(&mut self, event: &Event) {
        if let Some(out) = &mut self.json
            && let Ok(text) = serde_json::to_string(event)
            && writeln!(out, "{text}").and_then(|()| out.flush()).is_err()
        {
            self.json = None;
        }
    }

    fn show(&mut self, event: &Event, now: Instant) {
        let paint = self.paint;
        match event {
            Event::RunStarted { name, cells, jobs, todo, device } => {
                let (cells, jobs) = (human::count(*cells, "cell"), human::count(*jobs, "job"));
                self.info(&format!("{}: {cells}, {jobs}, {todo} to do, on {device}", paint.bold(&plain_text(name))));
            }
            Event::JobReused { stage, label, .. } => {
                self.info(&paint.dim(&format!("in the store: {stage} {}", plain_text(label))));
            }
            Event::JobWaiting { stage, label, .. } => {
                self.info(&format!("another runner is making {stage} {}: waiting for it", plain_text(label)));
            }
            Event::JobStarted { stage, label, reason, index, todo, .. } => {
                let title = format!("{stage} {}", plain_text(label));
                let head = format!("[{index}/{todo}] {}", paint.bold(&title));
                self.info(&format!("{head} {}", paint.dim(&format!("({})", plain_text(reason)))));
                let bar = (self.mode == ProgressMode::Bar).then(|| new_bar(&title));
                self.job = Some(JobView { title, pace: Pace::default(), last_line: None, bar });
            }
            Event::JobProgress { done, total, unit, detail, .. } => self.progress(*done, *total, unit, detail, now),
            Event::JobFinished { stage, label, seconds, .. } => {
                self.end_job();
                let took = duration(*seconds);
                self.info(&format!("{} {stage} {} in {took}", paint.green("done"), plain_text(label)));
            }
            Event::JobFailed { stage, label, reason, cells } => {
                self.end_job();
                let reason = plain_text(reason);
                self.line(&format!("{} {stage} {}: {reason}", paint.red("failed"), plain_text(label)));
                if cells.len() > 1 {
                    self.line(&format!("       needed by {}", plain_text(&cells.join("; "))));
                }
            }
            Event::Download { file, done, total, resumed, bytes_per_second } => {
                let (done, total, resumed, bytes_per_second) = (*done, *total, *resumed, *bytes_per_second);
                self.arrived(file, &Arrived { done, total, resumed, bytes_per_second }, now);
            }
            Event::DownloadFailed { .. } => self.download = None,
            Event::Warning { message } => self.line(&format!("{} {}", paint.yellow("warning:"), plain_text(message))),
            Event::Note { message } => self.info(&plain_text(message)),
            Event::Stopping { signal } => {
                let how = "stopping after this step; again to stop at once";
                self.line(&format!("{} {how}", paint.yellow(&format!("{signal}:"))));
            }
            Event::ReportWritten { folder } => self.report = Some(folder.clone()),
            Event::RunFinished { done, failed, skipped, seconds } => self.finished(*done, *failed, *skipped, *seconds),
        }
    }

    fn progress(&mut self, done: u64, total: u64, unit: &str, detail: &str, now: Instant) {
        let plain = self.mode == ProgressMode::Plain;
        let Some(job) = &mut self.job else { return };
        job.pace.update(done, now);
        let mut parts = vec![format!("{done}/{total} {unit}")];
        if !detail.is_empty() {
            parts.push(plain_text(detail));
        }
        parts.extend(job.pace.rate_text(unit));
        parts.extend(job.pace.remaining(done, total).map(|left| format!("ETA {}", duration(left))));
        let text = parts.join("  ");
        if let Some(bar) = &job.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(text);
        } else if plain && job.last_line.is_none_or(|last| done >= total || now - last >= PLAIN_EVERY) {
            job.last_line = Some(now);
            let line = format!("{}  {text}", job.title);
            self.line(&line);
        }
    }

    fn arrived(&mut self, file: &str, arrived: &Arrived, now: Instant) {
        let mut view = self
            .download
            .take()
            .filter(|view| view.is_of(file))
            .unwrap_or_else(|| DownloadView::new(file, self.mode == ProgressMode::Bar, now));
        let line = view.update(arrived, now);
        if arrived.done != arrived.total {
            self.download = Some(view);
        }
        if let Some(line) = line {
            self.info(&line);
        }
    }

    fn finished(&mut self, done: usize, failed: usize, skipped: usize, seconds: f64) {
        self.end_job();
        let mut parts = vec![format!("{} done", human::count(done, "cell"))];
        if failed > 0 {
            parts.push(self.paint.red(&format!("{failed} failed")));
        }
        if skipped > 0 {
            parts.push(format!("{skipped} not finished"));
        }
        self.info(&format!("{} in {}", parts.join(", "), duration(seconds)));
        if let Some(folder) = self.report.take() {
            self.info(&format!("report: {}", folder.join("index.html").display()));
        }
    }

    fn end_job(&mut self) {
        if let Some(JobView { bar: Some(bar), .. }) = self.job.take() {
            bar.finish_and_clear();
        }
    }

    /// A line that `--progress none` leaves out.
    fn info(&mut self, text: &str) {
        if self.mode != ProgressMode::None {
            self.line(text);
        }
    }

    fn line(&mut self, text: &str) {
        let lines = &mut self.lines;
        let mut write = || {
            let _ = writeln!(lines, "{text}");
        };
        let bar = self.job.as_ref().and_then(|job| job.bar.as_ref());
        match bar.or_else(|| self.download.as_ref()?.bar.as_ref()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

fn new_bar(title: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {bar:24}  {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests;
