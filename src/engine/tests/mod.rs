//! The loop with a fake worker: milliseconds, no model.

use super::{advice::with_advice, *};
use crate::{
    event::{Event, Observer},
    experiment::Settings,
    plan::{Cell, Job, Plan},
    stage::{ByStage, Stage, fixture},
    store::{Claim, Made, Store, StoreError},
    worker::{Context, Output, StageError, StopFlag, Worker},
};
use anyhow::Context as _;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

mod cells;
mod damage;
mod kills;
pub(in crate::engine) mod race;
mod terms;
mod workers;

const STEPS: u32 = 3;

/// What the fake does when it reaches a job (`train B`) at a step.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Fail,
    Panic,
    Fatal,
    /// The stop flag is set from outside; the worker checkpoints.
    Signal,
    /// The process dies at once, as by SIGKILL; only in [`child`].
    Kill,
    /// Somebody removes the work in progress, once.
    CleanUp,
    /// The disk is full, once.
    Full,
    /// Another process takes the work over, and gives it back, once.
    TakenOver,
    /// Another process records that `train B` failed.
    OtherFails,
}

/// Counts steps; its result is a pure function of the job's key and its needs' results.
#[derive(Default)]
struct Fake {
    trouble: Vec<(String, u32, Trouble)>,
    /// Every step done, e.g. `train B 3`.
    log: Vec<String>,
    resets: usize,
    /// The store's folder.
    root: PathBuf,
}

impl Worker for Fake {
    fn execute(&mut self, job: &Job, context: &Context<'_>) -> Result<Output, StageError> {
        let name = format!("{} {}", job.stage, job.label);
        let workspace = context.workspace;
        let first =
            workspace.read("checkpoint/step")?.map_or(0, |text| String::from_utf8(text).unwrap().parse().unwrap());
        for step in first..STEPS {
            match self.trouble.iter().find(|(at, when, _)| *at == name && *when == step).map(|(.., t)| *t) {
                Some(Trouble::Fail) => return Err(StageError::Failed("loss is not finite".into())),
                Some(Trouble::Panic) => panic!("index out of range"),
                Some(Trouble::Fatal) => return Err(StageError::Fatal(anyhow::anyhow!("disk full"))),
                Some(Trouble::Signal) => context.stop.stop(),
                Some(Trouble::Kill) => std::process::abort(),
                Some(Trouble::CleanUp) => {
                    self.trouble.clear();
                    std::fs::remove_dir_all(self.root.join(".work")).unwrap();
                }
                Some(Trouble::Full) => {
                    self.trouble.clear();
                    let (action, path) = ("write", self.root.clone());
                    let source = std::io::ErrorKind::StorageFull.into();
                    return Err(StoreError::Io { action, path, source }.into());
                }
                Some(Trouble::TakenOver) => {
                    self.trouble.clear();
                    let right = self.root.join(".locks").join(format!("{}-{}", job.stage, job.key));
                    let file = std::fs::read_dir(&right).unwrap().next().unwrap().unwrap().path();
                    let text = std::fs::read_to_string(&file).unwrap().replace("\nheld ", "\nfree ");
                    std::fs::write(right.join("000000099"), text).unwrap();
                }
                Some(Trouble::OtherFails) => {
                    let key = &plan(&["A", "B"]).jobs[3].key.clone();
                    Store::reader(&self.root).record_failure(Stage::Train, key, "no luck").unwrap();
                }
                None => {}
            }
            if context.stop.is_set() {
                return Err(StageError::Stopped);
            }
            self.log.push(format!("{name} {step}"));
            workspace.write(&format!("part{step}"), format!("{} {step}", job.key).as_bytes())?;
            workspace.write("checkpoint/step", (step + 1).to_string().as_bytes())?;
        }
        let mut sum = job.key.to_string();
        for artifact in context.needs {
            sum += &String::from_utf8(artifact.read("sum").map_err(|e: StoreError| StageError::from(e))?).unwrap();
        }
        workspace.write("sum", blake3::hash(sum.as_bytes()).to_hex().as_bytes())?;
        Ok(Output { device: "cpu".into(), threads: 1 })
    }

    fn reset(&mut self) {
        self.resets += 1;
    }
}

/// One shared baseline; train and generate for each cell; `generate` needs both.
pub(super) fn plan(cells: &[&str]) -> Plan {
    let job = |stage, label: &str, needs: Vec<usize>, cells: Vec<usize>| {
        let inputs = fixture::inputs(stage, &fixture::settings(), label);
        Job { stage, key: inputs.key_inputs().key(stage), inputs, needs, cells, label: label.to_owned() }
    };
    let mut jobs = vec![job(Stage::Baseline, "all", vec![], (0..cells.len()).collect())];
    let mut made = Vec::new();
    for (index, label) in cells.iter().enumerate() {
        jobs.push(job(Stage::Train, label, vec![], vec![index]));
        jobs.push(job(Stage::Generate, label, vec![0, jobs.len() - 1], vec![index]));
        let n = jobs.len();
        made.push(Cell {
            label: (*label).to_owned(),
            slug: (*label).to_owned(),
            assignments: vec![],
            settings: fixture::settings(),
            train_photos: vec![],
            held_out_photos: vec![],
            jobs: ByStage::from_iter([(Stage::Baseline, 0), (Stage::Train, n - 2), (Stage::Generate, n - 1)]),
        });
    }
    Plan { name: "test".into(), cells: made, jobs, ..Plan::default() }
}

struct Ran {
    result: anyhow::Result<Summary>,
    events: Vec<Event>,
    log: Vec<String>,
    resets: usize,
    reports: usize,
}

impl Ran {
    fn summary(&self) -> &Summary {
        self.result.as_ref().unwrap()
    }

    fn names(&self, kind: fn(&Event) -> Option<String>) -> Vec<String> {
        self.events.iter().filter_map(kind).collect()
    }
}

fn reused(event: &Event) -> Option<String> {
    if let Event::JobReused { job } = event { Some(format!("{} {}", job.stage, job.label)) } else { None }
}

fn reasons(event: &Event) -> Option<String> {
    if let Event::JobStarted { reason, .. } = event { Some(reason.clone()) } else { None }
}

fn run_of<'a>(plan: &'a Plan, store: &'a Store, observer: &'a dyn Observer, stop: &'a StopFlag) -> Run<'a> {
    let (worker, device) = ("cpu".to_owned(), "cpu".to_owned());
    Run { plan, store, observer, stop, max_fail: None, terms: Terms::default(), worker, device }
}

fn run_with(root: &Path, plan: &Plan, trouble: &[(&str, u32, Trouble)], max_fail: Option<usize>) -> Ran {
    let trouble = trouble.iter().map(|(at, step, t)| ((*at).to_owned(), *step, *t)).collect();
    let mut worker = Fake { trouble, root: root.to_path_buf(), ..Fake::default() };
    let store = Store::open(root).unwrap();
    let events = Mutex::new(Vec::new());
    let observer = |event: &Event| events.lock().unwrap().push(event.clone());
    let stop = StopFlag::new();
    let run = Run { max_fail, ..run_of(plan, &store, &observer, &stop) };
    let mut reports = 0;
    let result = run.execute(&mut worker, &mut || {
        reports += 1;
        Ok(())
    });
    Ran { result, events: events.into_inner().unwrap(), log: worker.log, resets: worker.resets, reports }
}

/// Every artifact's files without `manifest.json` and `DONE` (they hold times).
fn results(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for stage in Stage::ALL {
        for entry in walkdir::WalkDir::new(root.join(stage.name())).into_iter().filter_map(Result::ok) {
            let name = entry.file_name();
            if entry.file_type().is_file() && name != "manifest.json" && name != "DONE" {
                let path = entry.path().strip_prefix(root).unwrap().to_path_buf();
                found.insert(path, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Runs the plan of cell A with a fake worker and this report.
fn run_reporting(root: &Path, report: &mut dyn FnMut() -> anyhow::Result<()>) -> (Summary, Vec<String>) {
    let (plan, store, stop) = (plan(&["A"]), Store::open(root).unwrap(), StopFlag::new());
    let run = run_of(&plan, &store, &|_: &Event| {}, &stop);
    let mut worker = Fake::default();
    let summary = run.execute(&mut worker, report).unwrap();
    (summary, worker.log)
}
