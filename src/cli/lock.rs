//! `runner lock X.toml`: writes down what a study is made from, so that `--locked` can insist on it.

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::OutputArgs;
use super::output::{emit, emit_json};
use super::study::{PlannedArgs, models_are_known};

/// Write hashes of the experiment file, the photos and the models beside it; --locked insists on them
///
/// With --locked, `run`, `plan` and other commands refuse a study that is not what its lock says, and name what
/// changed: a file, a setting, a photo, a model, or the version of the program.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner lock experiments/shinchan.toml\n  \
                  runner experiments/shinchan.toml --locked\n\n\
                  Result: experiments/shinchan.lock; its path is printed.")]
pub struct LockArgs {
    #[command(flatten)]
    planned: PlannedArgs,
}

pub(super) fn execute(args: &LockArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let study = args.planned.open(output)?;
    models_are_known(&study, "no lock was written")?;
    let file = study.lock().write(&study.file).or_exit(Exit::Experiment)?;
    if output.json() {
        emit_json(&json!({"lock": file}))?;
    } else {
        emit(&format!("{}\n", file.display()))?;
    }
    Ok(Exit::Done)
}
