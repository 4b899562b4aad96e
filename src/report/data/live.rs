//! What goes on while a report is written.

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// A run that is going on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// What it works on.
    pub running: Option<Running>,
    /// Seconds until everything is done, as far as that can be judged.
    pub seconds_left: Option<f64>,
    /// When the page is written, in seconds since 1970: so a page can say that nobody writes it any more.
    pub written: u64,
}

/// A job that is being worked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Which kind of work.
    pub stage: Stage,
    /// Key of its result.
    pub key: String,
    /// Indices of the cells that need it; filled in when the study is collected.
    pub cells: Vec<usize>,
    /// How many of the units are done.
    pub done: u64,
    /// How many there are; 0 while it is not known.
    pub total: u64,
    /// What is counted, e.g. `steps`.
    pub unit: String,
}
