//! `runner diff A B`: what differs between two studies.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::{OutputArgs, ReportsDir};
use super::output::{emit, emit_json, warn};
use super::study::DeviceClassArgs;
use crate::report::diff::{self, Record, Results};

/// Show what differs between two studies: settings, jobs and results
///
/// Each is an experiment file or the folder of a report. Results are compared where both have a report. Opens no device
/// and uses no network.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner diff experiments/shinchan.toml experiments/effect.toml\n  \
                  runner diff experiments/shinchan.toml reports/shinchan\n\n\
                  Result: the settings that differ, how many jobs of each stage both have and why the others differ, \
                  and the conditions whose numbers differ.")]
pub struct DiffArgs {
    /// An experiment file, or the folder of a report
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other one
    #[arg(value_name = "B")]
    b: PathBuf,
    #[command(flatten)]
    reports: ReportsDir,
    #[command(flatten)]
    class: DeviceClassArgs,
}

pub(super) fn execute(args: &DiffArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let [(a, of_a), (b, of_b)] = [side(args, &args.a, output)?, side(args, &args.b, output)?];
    let found = diff::diff(&a, &b, [of_a.as_ref(), of_b.as_ref()]);
    let names = [&args.a, &args.b].map(|path| path.display().to_string());
    let names = [names[0].as_str(), names[1].as_str()];
    if output.json() {
        emit_json(&diff::json(&found, names, [&a, &b]))?;
    } else {
        emit(&diff::text(&found, names, [&a, &b]))?;
    }
    Ok(Exit::Done)
}

/// A study and its results, if it has any.
fn side(args: &DiffArgs, path: &Path, output: &OutputArgs) -> Result<(Record, Option<Results>), Failure> {
    if path.is_dir() {
        let record = Record::read(path).or_exit(Exit::Experiment)?;
        return Ok((record, Results::read(path).or_exit(Exit::Experiment)?));
    }
    let study = args.class.plan_file(path, &args.reports, output)?;
    let record = Record::of(&study.whole);
    let folder = args.reports.reports_dir.join(&record.name);
    // The report of another study of that name, or of an earlier state of the file, says nothing of this one.
    let results = match Record::read(&folder) {
        Ok(reported) if reported.has_the_jobs_of(&record) => Results::read(&folder).or_exit(Exit::Experiment)?,
        Ok(_) => {
            let message = format!(
                "{} is not the report of {} as it is now: its results do not count; write it again with \
                 `runner report {}`",
                folder.display(),
                path.display(),
                path.display()
            );
            warn(output.error_paint(), &message);
            None
        }
        Err(_) => None,
    };
    Ok((record, results))
}
