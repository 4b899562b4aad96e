//! Racing: which conditions clearly lose at a rung, and what that saves. `docs/verdict.md` explains the rule.
//!
//! | file | what it does |
//! |---|---|
//! | `field` | who takes part: the trainings of a plan by condition and repeat |
//! | `curve` | what a training has shown until a rung |
//! | `decide` | which conditions are stopped at a rung: pure arithmetic |
//! | `decision` | a decision as it is stored, named by what it was made from |
//! | `course` | rung after rung, as far as decisions are there |
//! | `cost` | steps at worst and as expected |
//!
//! Nothing here writes. The engine makes decisions when all trainings have come to a rung, and stores them.

mod cost;
mod course;
mod curve;
mod decide;
mod decision;
mod field;

#[cfg(test)]
mod tests;

pub use cost::RaceCost;
pub use course::{Course, STOPPED, stored};
pub use curve::{Curve, Progress};
pub use decide::decide;
pub use decision::{Decision, Kept, KeptBecause, Stopped};
pub(super) use field::Runner;
pub use field::{Entrant, Field};
