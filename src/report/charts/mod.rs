//! `loss.png`, `probe.png` and `summary.png`: one small chart per cell on shared axes, so that cells can be compared at
//! a glance.

mod look;
mod loss;
mod probe;
mod score;
mod summary;
#[cfg(test)]
mod tests;

pub(crate) use loss::loss;
pub(crate) use probe::probe;
pub(crate) use score::score;
pub(crate) use summary::summary;
