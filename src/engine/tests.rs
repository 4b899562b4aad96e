//! The loop with a fake worker: milliseconds, no model.

use super::{advice::with_advice, *};
use crate::{
    event::{Event, Observer},
    experiment::Settings,
    plan::{Cell, Job, Plan},
    stage::{ByStage, Stage, fixture},
    store::{Store, StoreError},
    worker::{Context, Output, StageError, StopFlag, Worker},
};
use anyhow::Context as _;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

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
                    std::fs::remove_dir_all(self.root.join(".work").join(format!("{}-{}", job.stage, job.key)))
                        .unwrap();
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

fn settings() -> Settings {
    serde_json::from_value(json!({
        "model": {"base": {"folder": "/m"}, "dtype": "f32", "device": "cpu", "low_memory": false},
        "subject": {"identifier": "aawxbc", "class": "figurine", "name": ""},
        "dataset": {"images": ["/p"], "size": 5, "held_out": 1, "resolution": 64, "crop": "center",
            "captions": false, "seed": 0},
        "train": {"instance_prompt": "a", "steps": 1, "batch_size": 1, "gradient_accumulation": 1,
            "learning_rate": 1e-4, "lr_scheduler": "constant", "lr_warmup_steps": 0, "lr_cycles": 1, "lr_power": 1.0,
            "rank": 4, "alpha": 4.0,
            "dropout": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "weight_decay": 0.01,
            "max_grad_norm": 1.0, "gradient_checkpointing": false, "checkpoint_every": 1, "seed": 0,
            "prior_preservation": null},
        "generate": {"sampler": "ddim", "steps": 1, "guidance_scale": 1.0, "negative_prompt": "", "seeds": [0],
            "baseline_prompts": [], "prompts": ["a"], "width": 64, "height": 64, "lora_scale": 1.0, "batch_size": 1},
        "evaluate": {"probe_every": 0, "probe_timesteps": 1, "probe_photos": 1, "probe_seed": 0, "drift_prompts": []}
    }))
    .unwrap()
}

/// One shared baseline; train and generate for each cell; `generate` needs both.
pub(super) fn plan(cells: &[&str]) -> Plan {
    let job = |stage, label: &str, needs: Vec<usize>, cells: Vec<usize>| {
        let inputs = fixture::inputs(stage, &settings(), label);
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
            settings: settings(),
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
    Run { plan, store, observer, stop, max_fail: None, worker, device, report_every: Duration::ZERO }
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

#[test]
fn everything_is_made_once_and_reused() {
    let folder = tempfile::tempdir().unwrap();
    let first = run_with(folder.path(), &plan(&["A", "B"]), &[], None);
    assert_eq!(first.summary().done, ["A", "B"]);
    assert_eq!(first.log.len(), 5 * STEPS as usize);
    assert_eq!(first.reports, 2, "one report a cell, the last is the end's");
    let again = run_with(folder.path(), &plan(&["A", "B"]), &[], None);
    assert!(again.log.is_empty() && again.summary().done.len() == 2 && again.reports == 1);
    assert_eq!(again.names(reused), ["baseline all", "train A", "generate A", "train B", "generate B"]);
    let more = run_with(folder.path(), &plan(&["A", "B", "C"]), &[], None);
    assert_eq!(more.log.len(), 2 * STEPS as usize, "only the new cell: {:?}", more.log);
    let why = more.names(reasons);
    assert_eq!(why, ["not made yet"; 2]);
    assert!(matches!(more.events[0], Event::RunStarted { cells: 3, jobs: 7, todo: 2, .. }));
}

/// A report takes the longer the more cells there are.
#[test]
fn the_report_is_written_now_and_then_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, store, stop) = (plan(&["A", "B", "C"]), Store::open(folder.path()).unwrap(), StopFlag::new());
    let observer = |_: &Event| {};
    let run = Run { report_every: Duration::from_secs(3600), ..run_of(&plan, &store, &observer, &stop) };
    let mut reports = 0;
    let mut report = || {
        reports += 1;
        Ok(())
    };
    run.execute(&mut Fake::default(), &mut report).unwrap();
    assert_eq!(reports, 2, "after the first cell and at the end");
}

#[test]
fn every_event_of_a_job_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    let ran = run_with(folder.path(), &plan, &[("generate A", 1, Trouble::Fail)], None);
    let jobs = ran.events.iter().filter_map(|event| match event {
        Event::JobStarted { job, .. } | Event::JobFinished { job, .. } | Event::JobFailed { job, .. } => Some(job),
        _ => None,
    });
    let jobs: Vec<_> = jobs.collect();
    assert_eq!(jobs.iter().map(|job| job.job).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
    for name in jobs {
        let job = &plan.jobs[name.job];
        assert_eq!((name.stage, &name.label, &name.key), (job.stage, &job.label, &job.key.to_string()));
        assert_eq!(name.worker, "cpu");
    }
}

#[test]
fn a_failed_cell_is_recorded_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    for trouble in [Trouble::Fail, Trouble::Panic] {
        let ran = run_with(folder.path(), &plan(&["A", "B", "C"]), &[("train B", 2, trouble)], None);
        assert_eq!(ran.summary().done, ["A", "C"]);
        let [failed] = &ran.summary().failed[..] else { panic!("{:?}", ran.summary()) };
        assert_eq!((failed.label.as_str(), failed.stage), ("B", Stage::Train));
        assert!(failed.reason.contains(if trouble == Trouble::Fail { "not finite" } else { "please report" }));
        assert!(!ran.log.iter().any(|step| step.starts_with("generate B")));
        assert_eq!(ran.resets, 1);
        let told = ran.events.iter().any(|e| matches!(e, Event::JobFailed { cells, .. } if *cells == ["B"]));
        assert!(told);
    }
    let again = run_with(folder.path(), &plan(&["A", "B", "C"]), &[], None);
    assert_eq!(again.summary().done, ["A", "B", "C"]);
    assert!(again.names(reasons)[0].starts_with("failed last time: this is a bug"), "{:?}", again.names(reasons));
    assert_eq!(again.log[0], "train B 2", "goes on from the checkpoint");
}

#[test]
fn a_shared_job_that_fails_takes_all_cells() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan(&["A", "B"]), &[("baseline all", 0, Trouble::Fail)], None);
    assert_eq!(ran.summary().failed.len(), 2);
    assert!(ran.log.is_empty(), "nothing is done for cells that cannot be finished: {:?}", ran.log);
}

#[test]
fn max_fail_begins_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = [("train A", 0, Trouble::Fail), ("train B", 0, Trouble::Fail)];
    let ran = run_with(folder.path(), &plan(&["A", "B", "C"]), &trouble, Some(1));
    assert_eq!((ran.summary().failed.len(), ran.summary().skipped.len()), (1, 2));
    assert!(!ran.summary().stopped);
}

#[test]
fn a_fatal_error_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan(&["A", "B"]), &[("train A", 1, Trouble::Fatal)], None);
    let text = format!("{:#}", ran.result.unwrap_err());
    assert_eq!(text, "train A could not go on: disk full");
}

#[test]
fn advice_is_given_when_memory_is_short() {
    let advice =
        |settings: &Settings, device: &str| with_advice("DriverError(CUDA_ERROR_OUT_OF_MEMORY)", settings, device);
    let mut small = settings();
    small.train.recipe.gradient_checkpointing = false;
    assert!(advice(&small, "cpu").contains("gradient_checkpointing") && advice(&small, "cpu").contains("low_memory"));
    assert!(!advice(&small, "cuda").contains("low_memory"));
    // What is set already is not advised.
    small.train.recipe.gradient_checkpointing = true;
    (small.train.recipe.batch_size, small.generate.batch_size) = (1, 1);
    (small.model.dtype, small.model.low_memory) = (crate::experiment::settings::Dtype::Bf16, true);
    assert!(advice(&small, "cpu").ends_with("to need less memory: a smaller dataset.resolution"));
    assert_eq!(with_advice("loss is NaN", &small, "cpu"), "loss is NaN");
}

/// Not a test of its own: a second process, started by the tests below. Runs the plan of cells A and B on the
/// store in `RUNNER_TEST_ROOT`, dies at the step in `RUNNER_TEST_KILL` (e.g. `train B/3`) and prints its log.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child() {
    let Some(root) = std::env::var_os("RUNNER_TEST_ROOT") else { return };
    let kill = std::env::var("RUNNER_TEST_KILL").unwrap_or_default();
    let (name, step) = kill.split_once('/').unwrap_or(("", "0"));
    let ran = run_with(Path::new(&root), &plan(&["A", "B"]), &[(name, step.parse().unwrap(), Trouble::Kill)], None);
    assert_eq!(ran.summary().done, ["A", "B"]);
    std::fs::write(Path::new(&root).join(format!("log-{}", std::process::id())), ran.log.join("\n")).unwrap();
}

fn spawn(root: &Path, kill: &str) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine::tests::child", "--ignored"])
        .env("RUNNER_TEST_ROOT", root)
        .env("RUNNER_TEST_KILL", kill)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Stops or dies at every step of every job: run again, and the files are those of an undisturbed run.
#[test]
fn stopped_and_killed_runs_end_like_undisturbed_ones() {
    let plan = plan(&["A", "B"]);
    let whole = tempfile::tempdir().unwrap();
    run_with(whole.path(), &plan, &[], None).result.unwrap();
    let expected = results(whole.path());
    assert_eq!(expected.len(), 5 * (STEPS as usize + 1));
    let mut done_before = 0;
    for job in &plan.jobs {
        let name = format!("{} {}", job.stage, job.label);
        for step in 0..STEPS {
            let folder = tempfile::tempdir().unwrap();
            let first = run_with(folder.path(), &plan, &[(&name, step, Trouble::Signal)], None);
            assert!(first.summary().stopped && !first.summary().skipped.is_empty(), "{name} {step}");
            let second = run_with(folder.path(), &plan, &[], None);
            assert_eq!(second.summary().done, ["A", "B"]);
            assert_eq!(results(folder.path()), expected, "{name} {step}");
            assert_eq!(first.log.len() + second.log.len(), 5 * STEPS as usize, "{name} {step}: a step was done twice");

            let folder = tempfile::tempdir().unwrap();
            assert!(!spawn(folder.path(), &format!("{name}/{step}")).wait().unwrap().success(), "{name} {step}");
            let second = run_with(folder.path(), &plan, &[], None);
            assert_eq!(second.summary().done, ["A", "B"]);
            assert_eq!(results(folder.path()), expected, "{name} {step}");
            assert_eq!(second.log.len() + done_before, 5 * STEPS as usize, "{name} {step}: a step was done twice");
            done_before += 1;
        }
    }
}

#[test]
fn processes_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3).map(|_| spawn(folder.path(), "")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut steps: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("log-") {
            steps.extend(std::fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned));
        }
    }
    assert_eq!(steps.len(), 5 * STEPS as usize, "nothing twice");
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), 5 * STEPS as usize);
}

#[test]
fn a_stop_before_the_first_job_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, store, stop) = (plan(&["A"]), Store::open(folder.path()).unwrap(), StopFlag::new());
    stop.stop();
    let run = run_of(&plan, &store, &|_: &Event| {}, &stop);
    let summary = run.execute(&mut Fake::default(), &mut || Ok(())).unwrap();
    assert!(summary.stopped && summary.skipped == ["A"]);
}

#[test]
fn two_runs_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A", "B", "C", "D"]);
    let logs: Vec<Vec<String>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| run_with(folder.path(), &plan, &[], None))).collect();
        let runs = runs.into_iter().map(|run| run.join().unwrap());
        runs.map(|ran| {
            assert_eq!(ran.summary().done.len(), 4);
            ran.log
        })
        .collect()
    });
    let mut steps = logs.concat();
    assert_eq!(steps.len(), plan.jobs.len() * STEPS as usize, "nothing twice");
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), plan.jobs.len() * STEPS as usize);
}

#[test]
fn a_damaged_result_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let store = Store::open(folder.path()).unwrap();
    std::fs::write(store.artifact_dir(Stage::Train, &plan.jobs[1].key).join("sum"), b"cut").unwrap();
    let again = run_with(folder.path(), &plan, &[], None);
    assert_eq!(again.log.len(), STEPS as usize);
    assert!(again.names(reasons)[0].contains("damaged"), "{:?}", again.names(reasons));
    assert_eq!(results(folder.path()), expected);
}

/// Runs the plan of cell A with a fake worker and this report.
fn run_reporting(root: &Path, report: &mut dyn FnMut() -> anyhow::Result<()>) -> (Summary, Vec<String>) {
    let (plan, store, stop) = (plan(&["A"]), Store::open(root).unwrap(), StopFlag::new());
    let run = run_of(&plan, &store, &|_: &Event| {}, &stop);
    let mut worker = Fake::default();
    let summary = run.execute(&mut worker, report).unwrap();
    (summary, worker.log)
}

#[test]
fn a_report_that_fails_is_in_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, _) = run_reporting(folder.path(), &mut || anyhow::bail!("no room"));
    assert_eq!(summary.report_error.as_deref(), Some("no room"));
    assert_eq!(summary.done, ["A"]);
}

/// Flips a byte behind the store's back, as a failing disk does: the times stay as they were.
fn rot(root: &Path, stage: Stage, key: &str) {
    let file = root.join(stage.name()).join(key).join("sum");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // The newest DONE makes the file look untouched.
    let done = file.with_file_name("DONE");
    let text = std::fs::read(&done).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    std::fs::write(&done, text).unwrap();
}

#[test]
fn damage_that_only_a_reader_finds_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let key = |job: usize| plan.jobs[job].key.as_str();
    // What a job reads …
    rot(folder.path(), Stage::Train, key(1));
    Store::open(folder.path()).unwrap().drop_damaged(Stage::Generate, &plan.jobs[2].key).unwrap();
    std::fs::remove_dir_all(folder.path().join("generate")).unwrap();
    let again = run_with(folder.path(), &plan, &[], None);
    assert_eq!(again.summary().done, ["A"]);
    assert_eq!(results(folder.path()), expected);
    // … and what only the report reads.
    rot(folder.path(), Stage::Train, key(1));
    let store = Store::reader(folder.path());
    let mut read = || {
        let artifact = store.find(Stage::Train, &plan.jobs[1].key)?.context("gone")?;
        Ok(artifact.read("sum").map(|_| ())?)
    };
    let (summary, log) = run_reporting(folder.path(), &mut read);
    assert_eq!(summary.report_error, None);
    assert_eq!(log.len(), STEPS as usize);
    assert_eq!(results(folder.path()), expected);
}

#[test]
fn work_whose_files_vanish_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    run_with(folder.path(), &plan, &[], None).result.unwrap();
    let expected = results(folder.path());
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan, &[("train A", 2, Trouble::CleanUp)], None);
    assert_eq!(ran.summary().done, ["A"]);
    assert_eq!(results(folder.path()), expected);
}
