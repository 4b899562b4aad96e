//! `runner work X.toml`: a worker beside others. It does jobs until none is left that it may do.

use std::io::Read as _;

use clap::Args;

use super::again::again;
use super::exit::{Exit, Failure};
use super::memory;
use super::opened::{Found, Opened};
use super::options::{OutputArgs, stages};
use super::output::tell;
use super::run::tell_failed;
use super::session::Session;
use super::study::StudyArgs;
use super::time::TimeArgs;
use crate::engine::{Order, Run, Summary, Terms};
use crate::plan::Job;
use crate::stage::{Key, Stage};
use crate::study::Resolved;
use crate::text::plain_name;
use crate::worker::{Stages, StopFlag, device};

/// Work on a study beside other workers: do jobs until none is left, write no report
///
/// Any number of workers may be at one study, on one machine or on several that share the reports folder. Each job is
/// done by one of them; a worker waits for what another one makes if it needs it. Ctrl-C, SIGTERM and the other signals
/// of batch systems save a checkpoint first. Afterwards `runner report X.toml` writes the report.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner work experiments/shinchan.toml --device cuda:1\n  \
        runner work experiments/shinchan.toml --stage train --max-jobs 1\n\n\
        Result: results in the store. Exit code 0: nothing is left that it may do; 75: stopped, run it again to go \
        on; 100: some cells failed, or what a job needs is made by nobody.")]
pub struct WorkArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Do jobs of this stage only (repeatable); what they need must be there, or another worker be making it
    #[arg(long, value_name = "STAGE", value_parser = stages())]
    stage: Vec<Stage>,
    /// Do this job only, if it is not done: a stage and a key, as `runner plan --format json` prints them
    #[arg(long, value_name = "STAGE/KEY", value_parser = job)]
    job: Option<(Stage, Key)>,
    /// End after N jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs: Option<u32>,
    /// What failed before is not tried again
    #[arg(long)]
    keep_failed: bool,
    /// Begin nothing new after N failed cells
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,
    #[command(flatten)]
    time: TimeArgs,
    /// Stop, after a checkpoint, when standard input ends: whoever started this worker has gone
    #[arg(long, hide = true)]
    until_eof: bool,
}

pub(super) fn execute(args: &WorkArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let session = Session::start(output)?;
    if args.until_eof {
        stop_at_end_of_input(session.stop.clone());
    }
    session.end(args.work(&session))
}

impl WorkArgs {
    /// Refuses a job that this study does not have, as planned on this machine.
    fn check_job(&self, study: &Resolved) -> Result<(), Failure> {
        let Some((stage, key)) = &self.job else { return Ok(()) };
        if study.plan.jobs.iter().any(|job| job.stage == *stage && job.key == *key) {
            return Ok(());
        }
        let class = &study.device_class;
        let error = anyhow::anyhow!(
            "this study has no job {stage}/{key} when it is computed on {class}: the file, its photos or its models \
             have changed since, or the job is for another device (in Slurm: ask for a GPU with --gres)"
        );
        Err(Failure::new(Exit::Experiment, error))
    }

    fn work(&self, session: &Session) -> Result<Exit, Failure> {
        let study = self.study.read(&session.output)?;
        let opened = Found::look_up(&self.study, study, session)?.open(&self.study)?;
        self.check_job(&opened.study)?;
        let is_ours = |job: &Job| match &self.job {
            Some((stage, key)) => (job.stage, &job.key) == (*stage, key),
            None => self.stage.is_empty() || self.stage.contains(&job.stage),
        };
        let observer = memory::watch(&opened, session, &is_ours)?;
        let Opened { study, device, store } = opened;
        let run = Run {
            plan: &study.plan,
            store: &store,
            observer: &observer,
            stop: &session.stop,
            max_fail: self.max_fail.map(|n| n as usize),
            terms: Terms {
                stages: self.stage.clone(),
                only: self.job.clone(),
                max_jobs: self.max_jobs.map(|n| n as usize),
                order: Order::LongestFirst,
                keep_failed: self.keep_failed,
                time: self.time.begin(session),
            },
            worker: device::name(&device),
            device: study.device_class.to_string(),
        };
        let mut worker = Stages::new(device, study.photos, study.models, study.encoders);
        let summary = run.execute(&mut worker, &mut || Ok(())).map_err(|error| Failure::new(Exit::Internal, error))?;
        Ok(finish(&summary, session))
    }
}

/// A job by its stage and key.
fn job(text: &str) -> Result<(Stage, Key), String> {
    let parsed = text.split_once('/').and_then(|(stage, key)| Some((Stage::of_name(stage)?, Key::parse(key)?)));
    parsed.ok_or_else(|| "expected a stage and a key, e.g. train/0123456789abcdef0123456789abcdef".to_owned())
}

/// Tells how the work ended and what can be done.
fn finish(summary: &Summary, session: &Session) -> Exit {
    let mut text = tell_failed(summary, session);
    for job in &summary.stuck {
        text += &format!("{} could not begin: what it needs is not there, and nobody makes it\n", plain_name(job));
    }
    for job in &summary.at_rung {
        text += &format!("{} waits at a rung of the race for others\n", plain_name(job));
    }
    if summary.stopped {
        text += &format!("stopped; nothing is lost. To go on:\n  {}\n", again());
    }
    tell(&text);
    match summary {
        Summary { stopped: true, .. } => Exit::Stopped,
        Summary { failed, stuck, .. } if failed.is_empty() && stuck.is_empty() => Exit::Done,
        _ => Exit::SomeFailed,
    }
}

/// The end of standard input is the end of whoever holds its other end, however it came.
fn stop_at_end_of_input(stop: StopFlag) {
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut ignored = [0; 64];
        // An error is an end, too.
        while input.read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        stop.stop();
    });
}
