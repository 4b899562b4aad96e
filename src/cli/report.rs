//! `runner report X.toml`: the report again, from what is in the store.

use super::{
    exit::{Exit, Failure, OrExit},
    options::OutputArgs,
    output::{emit, emit_json},
    study::{PlannedArgs, models_are_known},
};
use crate::{
    plan::Plan,
    report::{self, Extras, Owner},
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
#[command(after_help = "Example:\n  runner report experiments/shinchan.toml\n\n\
                  Result: reports/<name>/index.html; its path is printed.")]
pub struct ReportArgs {
    #[command(flatten)]
    planned: PlannedArgs,
    /// Replace the report of another experiment of the same name
    #[arg(long)]
    replace: bool,
    /// Count the votes of a blind test, as the page offered them for download
    #[arg(long, value_name = "FILE")]
    votes: Option<PathBuf>,
}

pub(super) fn execute(args: &ReportArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let votes =
        args.votes.as_deref().map(report::read_votes).transpose().or_exit(Exit::Experiment)?.unwrap_or_default();
    let study = args.planned.open(output)?;
    let store = Store::reader(&args.planned.study.reports.store());
    let folder = args.planned.study.reports.reports_dir.join(&study.plan.name);
    let owner = Owner::new(&study.file, &study.whole, &folder, args.replace);
    owner.check(&folder).or_exit(Exit::Experiment)?;
    // A report without a result may be written again; one with images shows more than this one could.
    if folder.join("images").is_dir() {
        models_are_known(&study, "the report was not written")?;
        results_are_there(&study, &store, &folder)?;
    }
    report::build(&study.whole, &store, &folder, &owner, Extras { votes: &votes }).or_exit(Exit::Internal)?;
    let index = folder.join("index.html");
    if output.json() {
        emit_json(&json!({"report": index}))?;
    } else {
        emit(&format!("{}\n", index.display()))?;
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
