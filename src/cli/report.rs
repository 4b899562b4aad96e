//! `runner report X.toml`: the report again, from what is in the store.

use super::{
    browser,
    exit::{Exit, Failure, OrExit},
    options::OutputArgs,
    output::{emit, emit_json, warn},
    study::{PlannedArgs, models_are_known},
};
use crate::{
    files::write_atomic,
    plan::Plan,
    report::{self, Extras, Owner, ReportError},
    store::{Found, Store},
    study::Resolved,
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write the report again from what is in the store; loads no model and opens no device
///
/// Cells that are not finished are shown as such.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner report experiments/shinchan.toml\n  \
        runner report experiments/shinchan.toml --open\n  \
        runner report experiments/shinchan.toml --single-file --max-size 10\n  \
        runner report experiments/shinchan.toml --compare experiments/other.toml\n\n\
        Result: reports/<name>/index.html; its path is printed. With --single-file also reports/<name>.html, a copy \
        to send away; its path is printed, too.")]
pub struct ReportArgs {
    #[command(flatten)]
    planned: PlannedArgs,
    /// Replace the report of another experiment of the same name
    #[arg(long)]
    replace: bool,
    /// Open the report in the browser
    #[arg(long)]
    open: bool,
    /// Also write the page as one file with small copies of all images inside, to PATH or reports/NAME.html
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    single_file: Option<Option<PathBuf>>,
    /// Most megabytes of that file; nothing is written if it would be larger
    #[arg(long, value_name = "MB", default_value_t = 25, requires = "single_file",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_size: u64,
    /// Write images and photos as JPEGs, a third of their PNGs in size: for a report to send away or to keep in git
    #[arg(long)]
    light: bool,
    /// Show another study of the same store beside this one: what differs, both scores, images of the same prompt and
    /// seed
    #[arg(long, value_name = "OTHER.toml")]
    compare: Option<PathBuf>,
    /// Count the votes of a blind test, as the page offered them for download
    #[arg(long, value_name = "FILE")]
    votes: Option<PathBuf>,
}

pub(super) fn execute(args: &ReportArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let votes =
        args.votes.as_deref().map(report::read_votes).transpose().or_exit(Exit::Experiment)?.unwrap_or_default();
    let study = args.planned.open(output)?;
    let reports = &args.planned.study.reports;
    let store = Store::reader(&reports.store());
    let folder = reports.reports_dir.join(&study.plan.name);
    let owner = Owner::new(&study.file, &study.whole, &folder, args.replace);
    owner.check(&folder).or_exit(Exit::Experiment)?;
    // A report without a result may be written again; one with images shows more than this one could.
    if folder.join("images").is_dir() {
        models_are_known(&study, "the report was not written")?;
        results_are_there(&study, &store, &folder)?;
    }
    let other = args.compare.as_deref().map(|file| args.planned.open_other(file, output)).transpose()?;
    if let Some(other) = &other {
        models_are_known(other, "nothing can be compared with it")?;
    }
    let other = other.as_ref().map(|other| &other.whole);
    let extras = Extras { live: None, other, votes: &votes, light: args.light };
    let usual = || reports.reports_dir.join(format!("{}.html", study.plan.name));
    let single = args.single_file.as_ref().map(|path| path.clone().unwrap_or_else(usual));
    if let Some(path) = &single {
        may_replace(path)?;
    }
    let data = report::build(&study.whole, &store, &folder, &owner, extras).or_exit(Exit::Internal)?;
    let index = folder.join("index.html");
    if let Some(path) = &single {
        let page = report::single_file(&data, &folder, args.max_size * 1_000_000);
        let page = page.map_err(|error| match error {
            error @ ReportError::TooLarge { .. } => Failure::new(Exit::Usage, error),
            error => Failure::new(Exit::Internal, error),
        })?;
        write_atomic(path, page.as_bytes()).or_exit(Exit::Experiment)?;
    }
    if output.json() {
        emit_json(&json!({"report": index, "single_file": single}))?;
    } else {
        for path in std::iter::once(&index).chain(&single) {
            emit(&format!("{}\n", path.display()))?;
        }
    }
    if args.open
        && let Some(why) = browser::show(single.as_ref().unwrap_or(&index))
    {
        warn(output.error_paint(), &why);
    }
    let damaged = damaged(&study.whole, &store)?;
    if damaged.is_empty() {
        return Ok(Exit::Done);
    }
    let text = format!(
        "{} stored results are damaged and are missing in the report; run the experiment to make them again:\n  {}",
        damaged.len(),
        damaged.join("\n  ")
    );
    Err(Failure::new(Exit::SomeFailed, anyhow::anyhow!("{text}")))
}

/// Refuses to replace a file that is no page of this program.
fn may_replace(path: &Path) -> Result<(), Failure> {
    let there = path.symlink_metadata().is_ok();
    if there && !report::is_single_file(path) {
        let text = format!("{} exists and is no report in one file; choose another name", path.display());
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{text}")));
    }
    Ok(())
}

/// Refuses to replace the results of a report if the store has none of this study, damaged or not.
fn results_are_there(study: &Resolved, store: &Store, folder: &Path) -> Result<(), Failure> {
    for job in &study.whole.jobs {
        if !matches!(store.look(job.stage, &job.key).or_exit(Exit::Internal)?, Found::Missing) {
            return Ok(());
        }
    }
    let error = anyhow::anyhow!(
        "the store has no result of this study for the device class {}; the report in {} stays as it is. Run the \
         experiment first, name another --device-class, or remove that folder",
        study.device_class,
        folder.display()
    );
    Err(Failure::new(Exit::Experiment, error))
}

/// What is wrong with stored results that the report should show.
fn damaged(plan: &Plan, store: &Store) -> Result<Vec<String>, Failure> {
    let mut damaged = Vec::new();
    for job in &plan.jobs {
        if let Found::Damaged(what) = store.look(job.stage, &job.key).or_exit(Exit::Internal)? {
            damaged.push(what);
        }
    }
    Ok(damaged)
}
