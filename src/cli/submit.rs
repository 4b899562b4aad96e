//! `runner submit X.toml --launcher slurm`: hands a study to a cluster.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::OutputArgs;
use super::output::{emit, emit_json, tell};
use super::session::Session;
use super::study::{DeviceClassArgs, StudyArgs, failure, models_are_known};
use crate::choice::DeviceClass;
use crate::engine::launcher::{Call, Queue, Resources, Slurm, Submission, TaskCommand, Turn, arrays};
use crate::store::Store;
use crate::study::{HubAccess, Lookup, Resolved};
use crate::text::{count, plain_name, shell_line};

/// Hand a study to a Slurm cluster: an array of tasks for each stage, behind what it needs, and the report at the end
///
/// Each task does one job with `runner work`. At its time limit it writes a checkpoint and is queued again. What is
/// done, or still in the queue, is not submitted again: after a failure or `scancel`, call it once more. Plans without
/// a GPU; models of the Hub are downloaded now, since nodes often have no network.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        runner submit experiments/shinchan.toml --launcher slurm --gres gpu:1 --time 4:00:00 --mem 16G\n  \
        runner submit experiments/shinchan.toml --launcher slurm --gres gpu:1 --dry-run\n\n\
        Result: the numbers of the jobs. `runner status` shows which task is where; scripts and logs are in\n\
        reports/.submitted/<name>/<number>; the report is written at the end.")]
pub struct SubmitArgs {
    #[command(flatten)]
    study: StudyArgs,
    #[command(flatten)]
    class: DeviceClassArgs,
    /// The batch system
    #[arg(long, value_enum, value_name = "NAME")]
    launcher: Launcher,
    /// Show the calls and scripts; submit nothing, write nothing
    #[arg(long)]
    dry_run: bool,
    /// What failed before is not tried again
    #[arg(long)]
    keep_failed: bool,
    /// Of a race: hand over what is next at most N times more, when all tasks have ended. If not given: once for each
    /// rung, and twice more for what goes wrong
    #[arg(long, value_name = "N")]
    turns: Option<u32>,
    #[command(flatten)]
    resources: ResourceArgs,
}

/// The batch systems there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Launcher {
    /// Slurm, through `sbatch`
    Slurm,
}

/// What each task may use, in Slurm's own notation.
#[derive(Debug, Args)]
#[command(next_help_heading = "What each task may use")]
struct ResourceArgs {
    /// Partition (queue)
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Generic resources, e.g. gpu:1; with a GPU the study is planned for CUDA unless the file says otherwise
    #[arg(long, value_name = "LIST")]
    gres: Option<String>,
    /// Time limit, e.g. 4:00:00; a task that needs more goes on in another turn
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Memory, e.g. 16G
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,
    /// CPU cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus_per_task: Option<u32>,
    /// At most N tasks of an array at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    array_limit: Option<u32>,
    /// Another option of sbatch as it is, e.g. --sbatch=--account=vision (repeatable)
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
}

pub(super) fn execute(args: &SubmitArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let session = Session::start(output)?;
    let study = args.plan(&session)?;
    models_are_known(&study, "nothing is submitted")?;
    let turn = args.turn(&study)?;
    let missing = &turn.open;
    let reports = std::path::absolute(&args.study.reports.reports_dir).or_exit(Exit::Internal)?;
    let of_study = Submission::folder(&reports, &study.plan.name);
    let queue = Slurm::queue(&Submission::all(&of_study));
    let queued: Vec<bool> = study.plan.jobs.iter().map(|job| queue.task(job.stage, &job.key).is_some()).collect();
    let arrays = arrays(&study.plan, missing, &queued, Slurm::most_tasks());
    let waiting = missing.iter().zip(&queued).filter(|(missing, queued)| **missing && **queued).count();
    if arrays.is_empty() {
        tell(&match waiting {
            0 => "nothing is missing: write the report with `runner report`\n".to_owned(),
            _ => format!("nothing new: {} of earlier submissions in the queue\n", count(waiting, "task")),
        });
        return Ok(Exit::Done);
    }
    let command = args.command(&turn)?;
    let resources = args.resources.resources();
    let folder = if args.dry_run {
        of_study.join("<number>")
    } else {
        Submission::new_folder(&of_study).or_exit(Exit::Experiment)?
    };
    let class = study.device_class.to_string();
    let next = args.next(&turn);
    let slurm = Slurm {
        plan: &study.plan,
        arrays: &arrays,
        command: &command,
        resources: &resources,
        class: &class,
        queue: &queue,
        folder: &folder,
        next: next.as_deref(),
    };
    if args.dry_run {
        show(&slurm.calls(&[]), output)?;
        return Ok(Exit::Done);
    }
    let submission = slurm.submit().or_exit(Exit::Experiment)?;
    told(&submission, &Told { waiting, turn: &turn, next: next.is_some() }, &folder, output)?;
    Ok(Exit::Done)
}

impl SubmitArgs {
    /// Plans the study for the device that its tasks will get.
    fn plan(&self, session: &Session) -> Result<Resolved, Failure> {
        let study = self.study.read(&session.output)?;
        let gpu = self.resources.gres.as_deref().is_some_and(|gres| gres.contains("gpu"));
        let of_file = study.device().class();
        let lookup = Lookup {
            store: &self.study.reports.store(),
            hub: if self.study.offline || self.dry_run { HubAccess::CacheOrAbsent } else { HubAccess::Download },
            device_class: self.class.chosen().or(of_file).or(gpu.then_some(DeviceClass::Cuda)),
            observer: &*session.terminal,
            stop: &session.stop,
        };
        let study = study.resolve(&lookup).map_err(|error| failure(error, &session.output))?;
        self.study.insist(&study)?;
        Ok(study)
    }

    /// What can be handed over now.
    fn turn(&self, study: &Resolved) -> Result<Turn, Failure> {
        let root = self.study.reports.store();
        let decides = study.plan.race.is_some() && !self.dry_run;
        let store = if decides { Store::open(&root).or_exit(Exit::Experiment)? } else { Store::reader(&root) };
        let turn = Turn::next(&study.plan, &store, self.keep_failed, decides).or_exit(Exit::Internal)?;
        tell(&turn.news.iter().map(|sentence| format!("{}\n", plain_name(sentence))).collect::<String>());
        Ok(turn)
    }

    /// What `runner submit` gets when all tasks of this turn have ended; `None` if that is the end.
    fn next(&self, turn: &Turn) -> Option<Vec<String>> {
        let spare = u32::try_from(turn.rungs).unwrap_or(u32::MAX).saturating_add(2);
        let left = self.turns.unwrap_or(spare).checked_sub(1).filter(|_| turn.rungs > 0)?;
        let mut words = vec![format!("--turns={left}"), "--keep-failed".to_owned()];
        words.extend(self.resources.words());
        Some(words)
    }

    /// What every task runs.
    fn command(&self, turn: &Turn) -> Result<TaskCommand, Failure> {
        let mut work = Vec::new();
        if turn.rungs > 0 {
            // Who comes to a rung ends there: what is next is decided when all have come.
            work.push("--max-jobs=1".to_owned());
        }
        if self.keep_failed {
            work.push("--keep-failed".to_owned());
        }
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok(TaskCommand {
            program: text(std::env::current_exe().or_exit(Exit::Internal)?),
            folder: text(std::env::current_dir().or_exit(Exit::Internal)?),
            study: self.study.words(),
            work,
        })
    }
}

impl ResourceArgs {
    /// The same as words of a command line.
    fn words(&self) -> Vec<String> {
        let named = [
            ("partition", self.partition.clone()),
            ("gres", self.gres.clone()),
            ("time", self.time.clone()),
            ("mem", self.mem.clone()),
            ("cpus-per-task", self.cpus_per_task.map(|cpus| cpus.to_string())),
            ("array-limit", self.array_limit.map(|limit| limit.to_string())),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all = named.chain(self.sbatch.iter().map(|option| ("sbatch", option.clone())));
        all.map(|(name, value)| format!("--{name}={value}")).collect()
    }

    fn resources(&self) -> Resources {
        Resources {
            partition: self.partition.clone(),
            gres: self.gres.clone(),
            time: self.time.clone(),
            mem: self.mem.clone(),
            cpus: self.cpus_per_task,
            array_limit: self.array_limit,
            others: self.sbatch.clone(),
        }
    }
}

/// Shows what would be submitted.
fn show(calls: &[Call], output: &OutputArgs) -> Result<(), Failure> {
    if output.json() {
        for call in calls {
            let list = call.list.as_ref().map(|(path, text)| json!({"file": path, "text": text}));
            let script = json!({"file": call.script.0, "text": call.script.1});
            emit_json(&json!({"sbatch": call.words, "script": script, "jobs": list}))?;
        }
        return Ok(());
    }
    let mut text = String::new();
    for call in calls {
        text += &format!("# sbatch {}\n", shell_line(&call.words));
        if let Some((path, list)) = &call.list {
            text += &format!("# {}:\n", path.display());
            text.extend(list.lines().map(|line| format!("#   {line}\n")));
        }
        text += &format!("# {}:\n{}\n", call.script.0.display(), call.script.1);
    }
    emit(&text)
}

/// What is told beside a submission.
struct Told<'a> {
    /// Tasks of earlier submissions.
    waiting: usize,
    turn: &'a Turn,
    /// Whether the study goes on by itself.
    next: bool,
}

/// Tells what was submitted.
fn told(submission: &Submission, more: &Told<'_>, folder: &Path, output: &OutputArgs) -> Result<(), Failure> {
    let Told { waiting, turn, next } = *more;
    if output.json() {
        return emit_json(&json!({
            "arrays": submission.arrays, "report": submission.report, "waiting": waiting, "folder": folder,
            "rungs": turn.rungs, "goes_on": next,
        }));
    }
    let mut text = String::new();
    for array in &submission.arrays {
        text += &format!("{:>10}  {}, {}\n", array.id, plain_name(&array.name), count(array.tasks.len(), "task"));
    }
    let what = if next { "report and next turn of the race" } else { "report" };
    text += &format!("{:>10}  {what}, when all have ended\n", submission.report);
    if turn.rungs > 0 && !next {
        text += &format!("{} of the race to come: submit again then\n", count(turn.rungs, "rung"));
    }
    if waiting > 0 {
        text += &format!("{} of earlier submissions in the queue already\n", count(waiting, "task"));
    }
    text += &format!("scripts and logs: {}\n", folder.display());
    emit(&text)
}

/// What is in the queue of a cluster for a study, if any of it was submitted.
pub(super) fn queue(reports: &Path, study: &str) -> Queue {
    Slurm::queue(&Submission::all(&Submission::folder(reports, study)))
}
