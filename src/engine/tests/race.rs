//! A race in the loop: decisions are made once, stopped trainings keep what they have, and nothing depends on kills or
//! on how many processes work.

use std::collections::BTreeSet;

use super::*;
use crate::choice::RaceMeasure;
use crate::plan::race::{Entrant, Field};
use crate::records::rows::{self, ProbeRow, Row as _, Split};

const ENDS: u64 = 8;
pub(in crate::engine) const RUNGS: [u64; 2] = [2, 4];
const REPEATS: usize = 3;
/// What the held-out loss of each condition ends near; the second one is stopped at the first rung, the third at the
/// second rung, when it is still behind.
const LOSSES: [f64; 4] = [0.5, 0.9, 0.52, 0.5];

/// Trains as told by its context, and says how the loss goes.
#[derive(Default)]
struct Racer {
    log: Vec<String>,
    /// Stops the run before this step of a job.
    signal: Option<(String, u64)>,
    /// The job that fails, and the step before which it does.
    fails: Option<(String, u64)>,
}

impl Worker for Racer {
    fn execute(&mut self, job: &Job, context: &Context<'_>) -> Result<Output, StageError> {
        let name = format!("{} {}", job.stage, job.label);
        let workspace = context.workspace;
        let (mut done, ends) = match workspace.read("checkpoint/step")? {
            Some(text) => (String::from_utf8(text).unwrap().parse::<u64>().unwrap(), ENDS),
            None => (0, if job.stage == Stage::Train { ENDS } else { 1 }),
        };
        while done < ends {
            if self.signal.take_if(|(at, step)| *at == name && *step == done).is_some() {
                context.stop.stop();
            }
            if self.fails.as_ref().is_some_and(|(at, step)| *at == name && *step == done) {
                return Err(StageError::Failed("loss is not finite".into()));
            }
            if context.stop.is_set() {
                return Err(StageError::Stopped);
            }
            done += 1;
            self.log.push(format!("{name} {done}"));
            if job.stage == Stage::Train {
                let rows: Vec<ProbeRow> = (0..=done).map(|step| row(&job.label, step)).collect();
                workspace.write(&rows::so_far::<ProbeRow>(), &rows::write(&rows).unwrap())?;
                workspace.write("checkpoint/step", done.to_string().as_bytes())?;
                if context.until.is_some_and(|until| done >= until) && done < ends {
                    return Err(StageError::Paused(done));
                }
            }
        }
        if job.stage == Stage::Train {
            let rows: Vec<ProbeRow> = (0..=ends).map(|step| row(&job.label, step)).collect();
            workspace.write(ProbeRow::FILE, &rows::write(&rows).unwrap())?;
        }
        let mut sum = job.key.to_string();
        for artifact in context.needs {
            sum += &String::from_utf8(artifact.read("sum").map_err(|e: StoreError| StageError::from(e))?).unwrap();
        }
        workspace.write("sum", blake3::hash(sum.as_bytes()).to_hex().as_bytes())?;
        Ok(Output { device: "cpu".into(), threads: 1 })
    }

    fn reset(&mut self) {}
}

/// The loss of training `c r` after a step. Condition 2 shows how far behind it is from the third step on.
fn row(label: &str, step: u64) -> ProbeRow {
    let (c, r) = label.split_once(' ').unwrap();
    let (c, r): (usize, usize) = (c.parse().unwrap(), r.parse().unwrap());
    let noise = 0.0001 * ((c * 7 + r * 5) % 3) as f64 + 0.001 * r as f64;
    let target = if c == 2 && step < 3 { LOSSES[0] } else { LOSSES[c] };
    let loss = if step == 0 { 1.0 } else { target + noise + 0.001 / step as f64 };
    ProbeRow { step, split: Split::HeldOut, loss }
}

pub(in crate::engine) fn raced_plan() -> Plan {
    let labels: Vec<String> = (0..LOSSES.len()).flat_map(|c| (0..REPEATS).map(move |r| format!("{c} {r}"))).collect();
    let mut plan = plan(&labels.iter().map(String::as_str).collect::<Vec<_>>());
    for cell in &mut plan.cells {
        cell.settings.train.recipe.steps = ENDS as usize;
    }
    let entrants = plan.cells.iter().enumerate().map(|(cell, own)| {
        let job = *own.jobs.one(Stage::Train).unwrap();
        let key = plan.jobs[job].key.clone();
        Entrant { job, key, condition: cell / REPEATS, repeat: cell % REPEATS, steps: ENDS, rungs: RUNGS.to_vec() }
    });
    let settings = |c: usize| BTreeMap::from([("train.rank".to_owned(), c.to_string())]);
    plan.race = Some(Field {
        rungs: RUNGS.len(),
        stop_values: true,
        measure: RaceMeasure::HeldOutLoss,
        entrants: entrants.collect(),
        conditions: (0..LOSSES.len()).map(settings).collect(),
        repeats: REPEATS,
    });
    plan
}

fn go(root: &Path, plan: &Plan, racer: &mut Racer) -> Summary {
    let (store, stop) = (Store::open(root).unwrap(), StopFlag::new());
    run_of(plan, &store, &|_: &Event| {}, &stop).execute(racer, &mut || Ok(())).unwrap()
}

/// Does the trainings of these cells one by one, each until it comes to a rung or ends, as tasks of a batch system do.
pub(in crate::engine) fn go_until_a_rung(root: &Path, plan: &Plan, cells: &[Cell]) {
    let (store, stop) = (Store::open(root).unwrap(), StopFlag::new());
    for cell in cells {
        let job = &plan.jobs[*cell.jobs.one(Stage::Train).unwrap()];
        let terms = Terms { only: Some((job.stage, job.key.clone())), max_jobs: Some(1), ..Terms::default() };
        let run = Run { terms, ..run_of(plan, &store, &|_: &Event| {}, &stop) };
        run.execute(&mut Racer::default(), &mut || Ok(())).unwrap();
    }
}

/// The decisions in a store, by name.
fn decisions(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(root.join(".race")).into_iter().flatten().map(Result::unwrap);
    entries
        .map(|entry| (entry.path().strip_prefix(root).unwrap().to_owned(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

fn of_conditions(wanted: &[usize]) -> Vec<String> {
    wanted.iter().flat_map(|c| (0..REPEATS).map(move |r| format!("{c} {r}"))).collect()
}

#[test]
fn losers_are_stopped_and_finished_later_without_loss() {
    let (plan, folder, whole) = (raced_plan(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let unraced = Plan { race: None, ..plan.clone() };
    go(whole.path(), &unraced, &mut Racer::default());
    let expected = results(whole.path());

    let mut racer = Racer::default();
    let summary = go(folder.path(), &plan, &mut racer);
    assert_eq!((&summary.done, &summary.raced), (&of_conditions(&[0, 3]), &of_conditions(&[1, 2])));
    assert!(summary.failed.is_empty() && summary.skipped.is_empty() && !summary.stopped);
    // 1 baseline; 6 whole trainings with their images; 3 until the first rung, 3 until the second.
    assert_eq!(racer.log.len() as u64, 1 + 6 * (ENDS + 1) + 3 * RUNGS[0] + 3 * RUNGS[1]);
    assert_eq!(racer.log.iter().collect::<BTreeSet<_>>().len(), racer.log.len(), "a step was done twice");
    let made = results(folder.path());
    assert!(made.iter().all(|(name, bytes)| expected[name] == *bytes), "what is finished is what it is without a race");
    let decided = decisions(folder.path());
    assert_eq!(decided.len(), 2);
    let statuses = crate::plan::status(&plan, &Store::reader(folder.path())).unwrap();
    let raced = statuses.iter().filter(|status| matches!(status, crate::plan::JobStatus::Raced { .. }));
    assert_eq!(raced.count(), 6 * 2, "trainings and images");

    // Once more: nothing to do, nothing decided anew; not even if the stopped work is cleaned up.
    for _ in 0..2 {
        let mut again = Racer::default();
        assert_eq!(go(folder.path(), &plan, &mut again).raced, of_conditions(&[1, 2]));
        assert_eq!((again.log.len(), decisions(folder.path()) == decided), (0, true));
    }

    // Without the race they go on where they were stopped, and end as they would have.
    let mut later = Racer::default();
    assert_eq!(go(folder.path(), &unraced, &mut later).done.len(), plan.cells.len());
    assert_eq!(results(folder.path()), expected);
    assert_eq!(racer.log.len() + later.log.len(), 1 + 12 * (ENDS as usize + 1), "a step was done twice");
    // What is finished stays in the report of the raced study.
    assert!(go(folder.path(), &plan, &mut Racer::default()).raced.is_empty());
}

/// Stopped before the steps around the rungs, in a training of each condition: run again, the decisions and the files
/// are those of an undisturbed run.
#[test]
fn a_stopped_race_ends_like_an_undisturbed_one() {
    let (plan, whole) = (raced_plan(), tempfile::tempdir().unwrap());
    go(whole.path(), &plan, &mut Racer::default());
    let (expected, decided) = (results(whole.path()), decisions(whole.path()));
    for (job, step) in [0, 4, 6, 11].into_iter().flat_map(|cell| [0, 1, 2, 3, 4, 7].map(|step| (cell, step))) {
        let name = format!("train {}", plan.cells[job].label);
        let folder = tempfile::tempdir().unwrap();
        let mut first = Racer { signal: Some((name.clone(), step)), ..Racer::default() };
        let stopped = go(folder.path(), &plan, &mut first);
        assert_eq!(stopped.stopped, first.signal.is_none(), "{name} {step}: {stopped:?}");
        let mut second = Racer::default();
        assert_eq!(go(folder.path(), &plan, &mut second).raced, of_conditions(&[1, 2]), "{name} {step}");
        assert_eq!(
            (results(folder.path()) == expected, decisions(folder.path()) == decided),
            (true, true),
            "{name} {step}"
        );
        let steps: BTreeSet<&String> = first.log.iter().chain(&second.log).collect();
        assert_eq!(steps.len(), first.log.len() + second.log.len(), "{name} {step}: a step was done twice");
    }
}

#[test]
fn several_processes_decide_the_same() {
    let (plan, whole, folder) = (raced_plan(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    go(whole.path(), &plan, &mut Racer::default());
    let racers: Vec<Racer> = std::thread::scope(|scope| {
        let work = || {
            let mut racer = Racer::default();
            let summary = go(folder.path(), &plan, &mut racer);
            assert_eq!((summary.raced, summary.done), (of_conditions(&[1, 2]), of_conditions(&[0, 3])));
            racer
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results(folder.path()), results(whole.path()));
    assert_eq!(decisions(folder.path()), decisions(whole.path()));
    let steps: Vec<&String> = racers.iter().flat_map(|racer| &racer.log).collect();
    assert_eq!(steps.iter().collect::<BTreeSet<_>>().len(), steps.len(), "a step was done twice");
}

#[test]
fn a_race_goes_on_without_a_training_that_failed() {
    let (plan, folder) = (raced_plan(), tempfile::tempdir().unwrap());
    let mut racer = Racer { fails: Some(("train 0 1".into(), 1)), ..Racer::default() };
    let summary = go(folder.path(), &plan, &mut racer);
    assert_eq!(summary.failed.iter().map(|f| f.label.as_str()).collect::<Vec<_>>(), ["0 1"]);
    assert_eq!(summary.raced, of_conditions(&[1, 2]));
    let stopped = |root: &Path| {
        let statuses = crate::plan::status(&plan, &Store::reader(root)).unwrap();
        statuses.iter().filter(|status| matches!(status, crate::plan::JobStatus::Raced { .. })).count()
    };
    assert_eq!(stopped(folder.path()), 12, "the report knows the decision that was made without the failed training");
    // It is tried again, comes to the rung, and a decision is made with it; the one before stays where it is.
    assert_eq!(go(folder.path(), &plan, &mut Racer::default()).done, of_conditions(&[0, 3]));
    assert_eq!((stopped(folder.path()), decisions(folder.path()).len()), (12, 4));
    // A decision that is damaged is made again.
    let (name, bytes) = decisions(folder.path()).into_iter().next().unwrap();
    std::fs::write(folder.path().join(&name), &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(go(folder.path(), &plan, &mut Racer::default()).raced, of_conditions(&[1, 2]));
}
