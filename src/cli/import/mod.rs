//! `runner import`: experiments from what other programs and benchmarks have.

mod dreambooth;
mod prompt_list;
mod render;
mod subjects;

use super::exit::{Exit, Failure};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    Dreambooth(dreambooth::DreamboothArgs),
}

pub(super) fn execute(command: &ImportCommand) -> Result<Exit, Failure> {
    match command {
        ImportCommand::Dreambooth(args) => dreambooth::execute(args),
    }
}
