//! `runner defaults`: every setting, commented.

use super::{
    exit::{Exit, Failure},
    output::emit,
};

pub(super) fn execute() -> Result<Exit, Failure> {
    emit(crate::experiment::DEFAULTS)?;
    Ok(Exit::Done)
}
