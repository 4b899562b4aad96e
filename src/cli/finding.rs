//! `runner finding X.toml`: what the study found, without writing a report.

use clap::Args;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::OutputArgs;
use super::output::{emit, emit_json};
use super::study::{PlannedArgs, models_are_known};
use crate::report::{collect, finding_json, finding_text};
use crate::store::Store;

/// Print what a study found, from what is in the store; writes nothing
///
/// The four answers of the report with their numbers, and the next step. With --format json also everything that stands
/// in verdict.json.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner finding experiments/shinchan.toml\n  \
                  runner finding experiments/shinchan.toml --format json\n\n\
                  Result: the answers, each with a number; with --format json one object (docs/json.md).")]
pub struct FindingArgs {
    #[command(flatten)]
    planned: PlannedArgs,
}

pub(super) fn execute(args: &FindingArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let study = args.planned.open(output)?;
    models_are_known(&study, "nothing can be said")?;
    let store = Store::reader(&args.planned.study.reports.store());
    let data = collect(&study.whole, &store, None).or_exit(Exit::Internal)?;
    if output.json() {
        emit_json(&finding_json(&data))?;
    } else {
        emit(&finding_text(&data))?;
    }
    Ok(Exit::Done)
}
