//! What a user sees of a run.

use super::*;
use crate::event::{Event, JobName, Observer};
use crate::stage::Stage;
use crate::text::Paint;
use std::{
    io::{ErrorKind, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A stream that fails, like a closed pipe or a file on a full disk.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn job(index: usize, worker: &str, stage: Stage, label: &str) -> JobName {
    let key = "0123456789abcdef0123456789abcdef".to_owned();
    JobName { job: index, worker: worker.to_owned(), stage, label: label.to_owned(), key }
}

fn progress(job: JobName, done: u64) -> Event {
    Event::JobProgress { job, done, total: 400, unit: "steps".into(), detail: "loss 0.123".into() }
}

fn started(job: JobName) -> Event {
    Event::JobStarted { job, reason: "first time".into(), index: 1, todo: 2 }
}

fn events() -> Vec<Event> {
    let label = || "dataset.size=5".to_owned();
    let prepare = || job(0, "cpu", Stage::Prepare, "30 photos");
    let train = || job(1, "cpu", Stage::Train, "dataset.size=5");
    let generate = || job(2, "cpu", Stage::Generate, "dataset.size=5");
    let progress = |done| progress(train(), done);
    let unet = || "unet/diffusion_pytorch_model.safetensors".to_owned();
    let piece = |file: String, done, resumed| Event::Download {
        file,
        done,
        total: 3_438_167_536,
        resumed,
        bytes_per_second: if done > resumed { 25e6 } else { 0.0 },
    };
    vec![
        Event::Download { file: "a\x1b".into(), done: 541, total: 541, resumed: 0, bytes_per_second: 0.0 },
        piece(unet(), 1_000_000_000, 1_000_000_000),
        piece(unet(), 1_100_000_000, 1_000_000_000),
        piece(unet(), 2_000_000_000, 1_000_000_000),
        piece(unet(), 3_438_167_536, 1_000_000_000),
        piece("vae/config.json".into(), 1, 0),
        Event::DownloadFailed { file: "vae/config.json".into() },
        Event::RunStarted { name: "shin\x1bchan".into(), cells: 1, jobs: 3, todo: 2, device: "cpu".into() },
        Event::JobReused { job: prepare() },
        started(train()),
        progress(120),
        progress(121),
        progress(160),
        progress(400),
        Event::JobFinished { job: train(), seconds: 125.0 },
        Event::JobFailed { job: generate(), reason: "out of memory".into(), cells: vec![label(), "b".into()] },
        Event::Warning { message: "odd".into() },
        Event::ReportWritten { folder: "reports/shinchan".into() },
        Event::RunFinished { done: 0, failed: 1, skipped: 2, raced: 0, seconds: 130.0 },
    ]
}

/// Shows events at these seconds.
fn shown_at(mode: ProgressMode, events: &[(u64, Event)]) -> String {
    let buffer = Buffer::default();
    let terminal = Terminal::to_writers(mode, Paint::OFF, Box::new(buffer.clone()), None);
    let start = Instant::now();
    for (seconds, event) in events {
        terminal.state.lock().unwrap().show(event, start + Duration::from_secs(*seconds));
    }
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn jobs_of_two_workers_are_told_apart() {
    let (one, two) = (job(1, "cuda:0", Stage::Train, "a"), job(2, "cuda:1", Stage::Train, "b"));
    let at = |seconds, event| (seconds, event);
    let text = shown_at(
        ProgressMode::Plain,
        &[
            at(0, started(one.clone())),
            at(0, started(two.clone())),
            at(0, progress(one.clone(), 100)),
            at(0, progress(two.clone(), 10)),
            at(20, progress(two.clone(), 30)),
            at(20, progress(one.clone(), 200)),
            at(30, Event::JobFinished { job: one, seconds: 30.0 }),
            at(40, progress(two, 50)),
        ],
    );
    insta::assert_snapshot!(text, @r"
    [1/2] train a (first time)
    [1/2] train b (first time)
    train a  100/400 steps  loss 0.123
    train b  10/400 steps  loss 0.123
    train b  30/400 steps  loss 0.123  1.0 steps/s  ETA 6 min 10 s
    train a  200/400 steps  loss 0.123  5.0 steps/s  ETA 40 s
    done train a in 30 s
    train b  50/400 steps  loss 0.123  1.0 steps/s  ETA 5 min 50 s
    ");
}

fn shown(mode: ProgressMode) -> String {
    let seconds = [0, 0, 4, 40, 98, 99, 99, 0, 0, 0, 0, 1, 20, 140];
    let at = |index: usize| *seconds.get(index).unwrap_or(&141);
    let events: Vec<_> = events().into_iter().enumerate().map(|(index, event)| (at(index), event)).collect();
    shown_at(mode, &events)
}

#[test]
fn plain_lines_are_few_and_readable() {
    insta::assert_snapshot!(shown(ProgressMode::Plain), @r"
    downloaded a\u{1b}: 541 B in 0.0 s
    download unet/diffusion_pytorch_model.safetensors  2.0 GB of 3.4 GB  went on at 1.0 GB  25.0 MB/s  ETA 58 s
    downloaded unet/diffusion_pytorch_model.safetensors: 3.4 GB, 1.0 GB of it before in 1 min 38 s
    shin\u{1b}chan: 1 cell, 3 jobs, 2 to do, on cpu
    in the store: prepare 30 photos
    [1/2] train dataset.size=5 (first time)
    train dataset.size=5  120/400 steps  loss 0.123
    train dataset.size=5  160/400 steps  loss 0.123  2.0 steps/s  ETA 2 min
    train dataset.size=5  400/400 steps  loss 0.123  2.0 steps/s
    done train dataset.size=5 in 2 min 5 s
    failed generate dataset.size=5: out of memory
           needed by dataset.size=5; b
    warning: odd
    0 cells done, 1 failed, 2 not finished in 2 min 10 s
    report: reports/shinchan/index.html
    ");
}

#[test]
fn none_shows_warnings_and_failures_only() {
    insta::assert_snapshot!(shown(ProgressMode::None), @r"
    failed generate dataset.size=5: out of memory
           needed by dataset.size=5; b
    warning: odd
    ");
}

#[test]
fn json_is_one_event_a_line_and_reads_back() {
    let (lines, json) = (Buffer::default(), Buffer::default());
    let terminal = Terminal::to_writers(ProgressMode::None, Paint::OFF, Box::new(lines), Some(Box::new(json.clone())));
    events().iter().for_each(|event| terminal.observe(event));
    let text = String::from_utf8(json.0.lock().unwrap().clone()).unwrap();
    let back: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(back, events());
}

#[test]
fn closed_streams_do_no_harm() {
    let closed = || Box::new(Broken(ErrorKind::BrokenPipe));
    let terminal = Terminal::to_writers(ProgressMode::Plain, Paint::OFF, closed(), Some(closed()));
    events().iter().for_each(|event| terminal.observe(event));
    assert!(terminal.take_json_error().is_none());
}

#[test]
fn a_full_disk_is_told_once() {
    let full = Box::new(Broken(ErrorKind::StorageFull));
    let terminal = Terminal::to_writers(ProgressMode::None, Paint::OFF, Box::new(Buffer::default()), Some(full));
    events().iter().for_each(|event| terminal.observe(event));
    assert_eq!(terminal.take_json_error().map(|error| error.kind()), Some(ErrorKind::StorageFull));
    assert!(terminal.take_json_error().is_none());
}
