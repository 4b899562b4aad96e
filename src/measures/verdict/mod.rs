//! How a study is judged: plain arithmetic on the scores of trainings. `docs/verdict.md` explains every step.
//!
//! One observation is one **training**: a condition (all settings without the seeds) in one repeat (a pair of seeds
//! that all conditions share). [`judge()`] takes a [`Study`] and returns a [`Verdict`]: numbers and categories, never
//! words.
//!
//! | file | what it answers |
//! |---|---|
//! | `layout` | means of conditions with the effect of the repeats taken out, and the noise that is left |
//! | `comparison` | any contrast of conditions, by the pooled noise and what the contrast itself shows of it |
//! | `differences` | which of two conditions is better, all pairs together (Holm) |
//! | `permutation` | whether any condition differs, without a model of the noise |
//! | `gains` | whether a condition is better than no training at all |
//! | `enough` | the smallest size that is not worse than any other by more than a tenth of the span |
//! | `trend` | the change with each doubling of the size |
//! | `axes` | the effect of each of several axes, and which of them depend on each other |
//! | `settle` | how many repeats would tell two conditions apart |
//! | `bootstrap`, `share` | how sure one score is, given few photos and prompts; its place between floor and ceiling |
//! | `side_effects` | a number with an interval against its reference |
//! | `choose` | what is chosen by one half of the photos is reported by the other half |

mod axes;
pub mod bootstrap;
pub mod choose;
mod comparison;
mod differences;
mod enough;
pub mod estimate;
mod gains;
mod holm;
mod judge;
mod layout;
mod permutation;
mod power;
mod settle;
pub mod share;
pub mod side_effects;
mod student;
mod study;
mod trend;
mod variances;

pub use axes::{Axes, AxisEffect, Interaction, LevelDifference};
pub use comparison::Method;
pub use differences::{Call, Difference};
pub use enough::Enough;
pub use estimate::Estimate;
pub use gains::Gain;
pub use judge::{ConditionVerdict, Noise, Verdict, judge, judge_pairs};
pub use permutation::Omnibus;
pub use settle::Settle;
pub use study::{Axis, Condition, Direction, Study};
pub use trend::Trend;
pub use variances::Variances;

#[cfg(test)]
mod tests;
