//! `runner plan X.toml`: what a run would do, and why.

use super::{
    arguments::OutputArgs,
    exit::{Exit, Failure, OrExit},
    output::{emit, emit_json, warn},
    study::StudyArgs,
};
use crate::{plan, report::Owner, store::Store, term::plain_text};
use clap::Args;

/// Show what a run would do: cells, jobs, what is done, why the rest is not, and what it will cost
///
/// Checks everything a run checks before it loads a model; one of the Hub is downloaded for that. Makes no result.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  runner plan experiments/shinchan.toml --set train.rank=8\n\nResult: a table of the cells and \
                  one of the jobs, with the reason for each that is not in the store."
)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) study: StudyArgs,
}

pub(super) fn execute(args: &PlanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let study = args.study.open(output)?;
    let folder = args.study.reports.reports_dir.join(&study.plan.name);
    if let Err(other) = Owner::new(&args.study.experiment, &study.whole, &folder, false).check(&folder) {
        warn(output.error_paint(), &format!("a run would refuse: {other}"));
    }
    let store = Store::reader(&args.study.reports.store());
    let statuses = plan::status(&study.plan, &store).or_exit(Exit::Internal)?;
    let estimate = plan::estimate(&study.plan, &statuses, &store);
    for notice in &study.plan.notices {
        warn(output.error_paint(), notice);
    }
    if output.json() {
        emit_json(&plan::json(&study.plan, &statuses, &estimate))?;
    } else {
        emit(&plain_text(&plan::table(&study.plan, &statuses, &estimate)))?;
    }
    Ok(Exit::Done)
}
