//! Why something is missing.

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// Why something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stage that has no result.
    pub stage: Stage,
    /// `true`: it was tried and failed; `false`: it has not been run.
    pub failed: bool,
    /// One or two sentences.
    pub reason: String,
}
