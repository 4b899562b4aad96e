//! What the charts show. `loss.png`, `probe.png` and `summary.png` are pictures for `report.md`; the page draws the
//! same numbers by condition, as SVG.

mod curves;
mod histogram;
mod look;
mod loss;
mod probe;
mod profile;
mod runs;
mod scatter;
mod score;
mod smooth;
mod summary;
#[cfg(test)]
mod tests;
mod training;

pub(crate) use curves::curves;
pub(crate) use histogram::similarity_histogram;
pub(crate) use loss::loss;
pub(crate) use probe::probe;
pub(crate) use profile::profile;
pub(crate) use runs::without_curves;
pub(crate) use scatter::{likeness_and_prompt, score_by_images, score_by_minutes};
pub(crate) use score::score;
pub(crate) use summary::{summary, summary_figure};
pub(crate) use training::training;
