//! `runner defaults`: every setting, commented.

use super::exit::{Exit, Failure, OrExit as _};
use super::options::OutputArgs;
use super::output::{emit, emit_json};
use crate::experiment::DEFAULTS;

pub(super) fn execute(output: &OutputArgs) -> Result<Exit, Failure> {
    if output.json() {
        // JSON has no comments: the settings and their defaults remain.
        emit_json(&toml::from_str::<serde_json::Value>(DEFAULTS).or_exit(Exit::Internal)?)?;
    } else {
        emit(DEFAULTS)?;
    }
    Ok(Exit::Done)
}
