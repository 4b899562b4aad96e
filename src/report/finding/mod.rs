//! What a report may claim: the only place that turns numbers into statements, for the page, the text and the pictures.
//!
//! `judged` counts trainings and asks `measures::verdict`; `words` is the table from category to sentence. `files`
//! writes everything that is stated as numbers, so that anybody can compute it again. `docs/verdict.md` explains the
//! arithmetic.

mod answer;
mod answers;
mod blind;
mod bought;
mod chance;
mod conditions;
pub(crate) mod files;
mod gaps;
mod judged;
mod known;
mod lead;
mod likeness;
mod next_step;
mod order;
mod question;
mod said;
mod sections;
mod side_effects;
mod spoken;
mod standing;
mod take;
mod trust;
mod within;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use answer::Answer;
pub(crate) use answers::answers;
pub(crate) use blind::{blind_encoder, blind_words, says_nothing};
pub(crate) use conditions::{Condition, diverged, same};
pub(crate) use judged::{Judged, judged};
pub(crate) use next_step::{NextStep, next_step, retry, seconds};
pub(crate) use order::{axis_said, level_name, turned_orders};
pub(crate) use question::Question;
pub(crate) use said::finding;
pub(crate) use sections::{copying_words, curve_words, from_noise, held_out_title, numbers_words, real_photos};
pub(crate) use side_effects::{copied, leak, leaks};
pub use spoken::{finding_json, finding_text};
pub(crate) use standing::{Standing, none_told_apart, standing};
