//! The observer that people and programs see.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use super::bar::Bars;
use super::download::{Arrived, DownloadView};
use super::job::{JobView, Progress, Title};
use super::mode::ProgressMode;
use crate::event::{Event, JobName, Observer};
use crate::text::{Paint, count, duration, plain_name, plain_text};

/// Shows events. Work goes on when a stream cannot be written any more.
pub struct Terminal {
    pub(super) state: Mutex<State>,
}

/// What a bar or a progress line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// A job of the plan and its worker.
    Job(String, usize),
    /// The images of `runner generate`.
    Drawing,
    /// The whole study, with several workers.
    Study,
}

impl Task {
    fn of(job: &JobName) -> Self {
        Self::Job(job.worker.clone(), job.job)
    }
}

pub(super) struct State {
    mode: ProgressMode,
    paint: Paint,
    /// Lines for people; standard error.
    lines: Box<dyn Write + Send>,
    /// One JSON event a line, if wanted; standard output.
    json: Option<Box<dyn Write + Send>>,
    /// Why JSON can no longer be written, unless its reader has gone.
    json_error: Option<io::Error>,
    /// There if progress is shown by bars.
    bars: Option<Bars>,
    /// The jobs being worked on.
    jobs: BTreeMap<Task, JobView>,
    download: Option<DownloadView>,
    report: Option<PathBuf>,
    /// Whether several workers are at the study: then each line says which one it is about.
    workers: bool,
    /// How many jobs have ended, and how many were to do.
    ended: u64,
    todo: u64,
}

impl Terminal {
    /// Lines and bars go to standard error, JSON (if wanted) to standard output.
    #[must_use]
    pub fn new(mode: ProgressMode, paint: Paint, json: bool) -> Self {
        let json: Option<Box<dyn Write + Send>> = json.then(|| Box::new(std::io::stdout()) as _);
        Self::to_writers(mode, paint, Box::new(std::io::stderr()), json)
    }

    pub(super) fn to_writers(
        mode: ProgressMode,
        paint: Paint,
        lines: Box<dyn Write + Send>,
        json: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let mode = mode.resolve();
        let bars = (mode == ProgressMode::Bar).then(Bars::new);
        let (jobs, download, report) = (BTreeMap::new(), None, None);
        let state = State {
            mode,
            paint,
            lines,
            json,
            json_error: None,
            bars,
            jobs,
            download,
            report,
            workers: false,
            ended: 0,
            todo: 0,
        };
        Self { state: Mutex::new(state) }
    }

    /// The error that ended the JSON on standard output, e.g. a full disk; told once. A closed pipe is none.
    #[must_use]
    pub fn take_json_error(&self) -> Option<io::Error> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).json_error.take()
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
        let Some(out) = &mut self.json else { return };
        let Ok(text) = serde_json::to_string(event) else { return };
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            self.json = None;
            self.json_error = (error.kind() != ErrorKind::BrokenPipe).then_some(error);
        }
    }

    pub(super) fn show(&mut self, event: &Event, now: Instant) {
        let paint = self.paint;
        match event {
            Event::RunStarted { name, cells, jobs, todo, device } => {
                let (cells, jobs) = (count(*cells, "cell"), count(*jobs, "job"));
                self.todo = *todo as u64;
                self.info(&format!("{}: {cells}, {jobs}, {todo} to do, on {device}", paint.bold(&plain_name(name))));
            }
            Event::WorkersStarted { workers } => {
                self.info(&format!("{}: {}", count(workers.len(), "worker"), workers.join(", ")));
                self.workers = true;
                if self.bars.is_some() {
                    self.begin(Task::Study, Title { head: "study".to_owned(), rest: String::new() });
                    self.study();
                }
            }
            Event::WorkerEnded { worker, reason, again } => {
                self.jobs.retain(|task, _| !matches!(task, Task::Job(of, _) if of == worker));
                let then = if *again { "it is started again" } else { "it is not started again" };
                self.line(&format!("{} {worker} {}; {then}", paint.yellow("worker:"), plain_text(reason)));
            }
            Event::JobReused { job } => self.info(&paint.dim(&format!("in the store: {}", title(job)))),
            Event::JobWaiting { job } => {
                self.info(&format!("another runner is making {}: waiting for it", title(job)));
            }
            Event::JobStarted { job, reason, index, todo } => {
                let head = format!("[{index}/{todo}] {}", paint.bold(&self.title(job).to_string()));
                self.info(&format!("{head} {}", paint.dim(&format!("({})", plain_text(reason)))));
                self.begin(Task::of(job), self.title(job));
            }
            Event::JobProgress { job, done, total, unit, detail } => {
                self.progress(&Task::of(job), &Progress { done: *done, total: *total, unit, detail }, now);
            }
            Event::JobFinished { job, seconds } => {
                self.jobs.remove(&Task::of(job));
                self.info(&format!("{} {} in {}", paint.green("done"), self.title(job), duration(*seconds)));
                self.study_moved();
            }
            Event::JobPaused { job, done, total } => {
                self.jobs.remove(&Task::of(job));
                self.info(&format!("paused {} at a rung of the race, step {done} of {total}", self.title(job)));
            }
            Event::JobFailed { job, reason, cells } => {
                self.jobs.remove(&Task::of(job));
                self.line(&format!("{} {}: {}", paint.red("failed"), self.title(job), plain_text(reason)));
                self.study_moved();
                if cells.len() > 1 {
                    self.line(&format!("       needed by {}", plain_name(&cells.join("; "))));
                }
            }
            Event::DrawingStarted { images, model, device } => {
                let rest = format!("with {}", plain_name(model));
                let title = Title { head: count(*images, "image"), rest };
                self.info(&format!(
                    "{} {}",
                    paint.bold(&title.to_string()),
                    paint.dim(&format!("(on {})", plain_name(device)))
                ));
                self.begin(Task::Drawing, title);
            }
            Event::DrawingProgress { done, total } => {
                let progress = Progress { done: *done, total: *total, unit: "steps", detail: "" };
                self.progress(&Task::Drawing, &progress, now);
            }
            Event::DrawingFinished { images, seconds } => {
                self.jobs.remove(&Task::Drawing);
                self.info(&format!("{} {} in {}", paint.green("done"), count(*images, "image"), duration(*seconds)));
            }
            Event::Download { file, done, total, resumed, bytes_per_second } => {
                let (done, total, resumed, bytes_per_second) = (*done, *total, *resumed, *bytes_per_second);
                self.arrived(file, &Arrived { done, total, resumed, bytes_per_second }, now);
            }
            Event::DownloadFailed { .. } => self.download = None,
            // The words are told by whoever ends the program.
            Event::Failed { .. } => {
                self.jobs.clear();
                self.download = None;
            }
            Event::Warning { message } => self.line(&format!("{} {}", paint.yellow("warning:"), plain_text(message))),
            Event::Retrying { reason, seconds, attempt, most } => {
                let (head, when) = (paint.yellow("waiting:"), duration(*seconds));
                self.line(&format!("{head} {}; again in {when} ({attempt} of {most})", plain_text(reason)));
            }
            Event::Note { message } => self.info(&plain_text(message)),
            Event::Stopping { signal } => {
                let how = "stopping after this step; again to stop at once";
                self.line(&format!("{} {how}", paint.yellow(&format!("{signal}:"))));
            }
            Event::ReportWritten { folder } => self.report = Some(folder.clone()),
            Event::RunFinished { done, failed, skipped, raced, seconds } => {
                self.finished([*done, *failed, *skipped, *raced], *seconds);
            }
        }
    }

    /// What people call a job, with its worker if there are several.
    fn title(&self, job: &JobName) -> Title {
        let title = title(job);
        match self.workers && !job.worker.is_empty() {
            true => Title { head: format!("{}: {}", job.worker, title.head), ..title },
            false => title,
        }
    }

    /// A job has ended.
    fn study_moved(&mut self) {
        self.ended += 1;
        self.study();
    }

    /// Moves the bar of the study, if there is one.
    fn study(&mut self) {
        let (done, total) = (self.ended, self.todo.max(self.ended));
        if let Some(view) = self.jobs.get_mut(&Task::Study) {
            view.count(done, total);
        }
    }

    fn begin(&mut self, task: Task, title: Title) {
        let view = JobView::new(title, self.bars.as_ref());
        self.jobs.insert(task, view);
    }

    fn progress(&mut self, task: &Task, progress: &Progress<'_>, now: Instant) {
        let line = self.jobs.get_mut(task).and_then(|view| view.update(progress, now));
        if let Some(line) = line {
            self.info(&line);
        }
    }

    fn arrived(&mut self, file: &str, arrived: &Arrived, now: Instant) {
        let mut view = self
            .download
            .take()
            .filter(|view| view.is_of(file))
            .unwrap_or_else(|| DownloadView::new(file, self.bars.as_ref(), now));
        let line = view.update(arrived, now);
        if arrived.done != arrived.total {
            self.download = Some(view);
        }
        if let Some(line) = line {
            self.info(&line);
        }
    }

    fn finished(&mut self, [done, failed, skipped, raced]: [usize; 4], seconds: f64) {
        self.jobs.clear();
        let mut parts = vec![format!("{} done", count(done, "cell"))];
        if failed > 0 {
            parts.push(self.paint.red(&format!("{failed} failed")));
        }
        if raced > 0 {
            parts.push(format!("{raced} stopped by the race"));
        }
        if skipped > 0 {
            parts.push(format!("{skipped} not finished"));
        }
        self.info(&format!("{} in {}", parts.join(", "), duration(seconds)));
        if let Some(folder) = self.report.take() {
            self.info(&format!("report: {}", folder.join("index.html").display()));
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
        match &self.bars {
            Some(bars) => bars.above(write),
            None => write(),
        }
    }
}

/// What people call a job, e.g. `train dataset.size=5`.
fn title(job: &JobName) -> Title {
    Title { head: job.stage.to_string(), rest: plain_name(&job.label) }
}
