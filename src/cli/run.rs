//! `runner run X.toml`, or just `runner X.toml`: does what is not done yet and writes the report.

use super::{
    arguments::OutputArgs,
    exit::{Exit, Failure, OrExit},
    memory::{self, LastWords},
    signals,
    study::StudyArgs,
};
use crate::{
    engine::{Run, Summary},
    event::{Event, Observer},
    report,
    store::Store,
    term::{Terminal, plain_text},
    worker::{Stages, device},
};
use clap::Args;
use std::{io::Write as _, sync::Arc, time::Duration};

/// While work goes on, the report is written at most this often: it takes longer the more cells there are.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// Run a study: whatever is not in the store yet is made, then the report is written
///
/// Can be stopped at any moment (Ctrl-C saves a checkpoint first) and run again: it goes on where it was, and the
/// result is the same. A cell that fails does not stop the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner experiments/shinchan.toml\n  \
        runner run experiments/shinchan.toml --only 'dataset.size=5' --set train.steps=200\n\n\
        Result: reports/<name>/index.html, with every image, number and adapter as a plain file beside it.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) study: StudyArgs,
    /// Begin nothing new after N failed cells
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,
    /// Replace the report of another experiment of the same name
    #[arg(long)]
    replace: bool,
}

pub(super) fn execute(args: &RunArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let terminal = Arc::new(Terminal::new(output.progress, output.error_paint(), output.json()));
    let stop = signals::install(Arc::clone(&terminal) as Arc<dyn Observer + Send + Sync>).or_exit(Exit::Internal)?;
    let mut study = args.study.open_with(output, &*terminal, &stop)?;
    let reports = &args.study.reports;
    let folder = reports.reports_dir.join(&study.plan.name);
    let owner = study.owner(&args.study.experiment, &folder, args.replace)?;
    let store = Store::open(&reports.store()).or_exit(Exit::Experiment)?;
    // The first run of all makes the store only now.
    study.memories.keep();
    let mut write_report = || -> anyhow::Result<()> {
        report::build(&study.whole, &store, &folder, &owner)?;
        terminal.observe(&Event::ReportWritten { folder: folder.clone() });
        Ok(())
    };
    let device_class = device::class(&study.device).to_owned();
    let shortage = memory::shortage(&study);
    let mut worker = Stages::new(study.device, study.facts.photos, study.models);
    memory::install().or_exit(Exit::Internal)?;
    let observer = LastWords(&*terminal);
    if let Some(message) = shortage {
        observer.observe(&Event::Warning { message });
    }
    let run = Run {
        plan: &study.plan,
        store: &store,
        observer: &observer,
        stop: &stop,
        max_fail: args.max_fail.map(|n| n as usize),
        worker: device_class.clone(),
        device: device_class,
        report_every: REPORT_EVERY,
    };
    let summary = run.execute(&mut worker, &mut write_report).or_exit(Exit::Internal)?;
    Ok(finish(&summary, output))
}

/// Says how the run ended and what can be done.
fn finish(summary: &Summary, output: &OutputArgs) -> Exit {
    let paint = output.error_paint();
    let mut text = String::new();
    for cell in &summary.failed {
        let (label, reason) = (plain_text(&cell.label), plain_text(&cell.reason));
        text += &format!("{} {label} ({}): {reason}\n", paint.red("failed:"), cell.stage);
    }
    if let Some(reason) = &summary.report_error {
        text += &format!("{} the report was not written: {}\n", paint.red("error:"), plain_text(reason));
    }
    if summary.stopped {
        text += &format!("stopped; nothing is lost. To go on:\n  {}\n", again());
    } else if !summary.failed.is_empty() {
        text += &format!("to try what failed again:\n  {}\n", again());
    } else if summary.report_error.is_some() {
        text += &format!("all results are kept; mend that and run again:\n  {}\n", again());
    }
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    match summary {
        Summary { stopped: true, .. } => Exit::Stopped,
        Summary { report_error: Some(_), .. } => Exit::Internal,
        Summary { failed, skipped, .. } if failed.is_empty() && skipped.is_empty() => Exit::Done,
        _ => Exit::SomeFailed,
    }
}

/// This command line, ready to be pasted into a shell.
fn again() -> String {
    std::env::args().map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", plain_text(word).replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::FailedCell, stage::Stage};

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(quoted("experiments/a.toml"), "experiments/a.toml");
        assert_eq!(quoted("dataset.size=5 train.rank=4"), "'dataset.size=5 train.rank=4'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn exit_codes_say_how_it_ended() {
        let output = OutputArgs::default();
        let cell = FailedCell { label: "a".into(), stage: Stage::Train, reason: "x".into() };
        let exit = |summary: Summary| finish(&summary, &output);
        assert_eq!(exit(Summary { done: vec!["a".into()], ..Summary::default() }), Exit::Done);
        assert_eq!(exit(Summary { failed: vec![cell.clone()], ..Summary::default() }), Exit::SomeFailed);
        let stopped = Summary { failed: vec![cell], skipped: vec!["b".into()], stopped: true, ..Summary::default() };
        assert_eq!(exit(stopped), Exit::Stopped);
    }
}
