//! How sure one training's result is, given few photos: the losses of the same photos with the same noise.

use crate::measures::probe_values::{Paired, paired};
use crate::records::probe_values::Words;
use crate::records::rows::Split;
use crate::report::data::{CellData, select};

use super::judged::Judged;
use super::question::Question;

/// The loss of one cell's adapter against another's on the held-out photos, paired by photo and time, with an interval
/// over whole photos. `None` where the values are not kept.
fn against(cell: &CellData, other: &CellData) -> Option<Paired> {
    paired(
        &select(&other.probes.after, Words::Identifier, Split::HeldOut),
        &select(&cell.probes.after, Words::Identifier, Split::HeldOut),
    )
}

/// Whether the loss on held-out photos is above the base model's by more than the chance of these photos. `None` where
/// the values are not kept.
pub(super) fn rose(cell: &CellData) -> Option<bool> {
    cell.probes.change(Split::HeldOut)?.difference.above(0.0)
}

/// Whether the loss fell more on the training photos than on the held-out photos, as shares of the base model's, by
/// more than the chance of these photos: the two intervals do not meet. `None` where the values are not kept.
pub(super) fn fell_apart(cell: &CellData) -> Option<bool> {
    let (train, held_out) = (cell.probes.change(Split::Train)?, cell.probes.change(Split::HeldOut)?);
    Some(train.difference.high? / train.before < held_out.difference.low? / held_out.before)
}

/// The conditions that did clearly worse than the best one on these photos, in the one training of each.
pub(super) fn worse_than_best(judged: &Judged<'_>) -> Vec<usize> {
    let (Some(best), Question::HeldOut) = (judged.verdict.best, judged.question) else { return Vec::new() };
    let cell = |condition: usize| judged.conditions[condition].cells(judged.data).next();
    let worse = |c: &usize| {
        let difference = cell(*c).zip(cell(best)).and_then(|(own, best)| against(own, best));
        difference.is_some_and(|d| d.difference.above(0.0) == Some(true))
    };
    judged.scored().into_iter().filter(|c| *c != best).filter(worse).collect()
}
