//! The name test: the denoising loss under the name, the class and the identifier, before and after the training.

use crate::measures::probe_values::{Band, Paired, by_photo, of_band, paired};
use crate::measures::verdict::Estimate;
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::Split;
use crate::report::data::{CellData, StudyData, select};
use crate::text::{count, measurement};

/// A word that changes the base model's loss by more than this share, and clearly so, means something to it.
const KNOWN_WORD: f64 = 0.01;

/// What the base model knows, for cells that share its values.
pub(crate) struct BaseTest<'d> {
    /// The first of these cells.
    pub(crate) cell: &'d CellData,
    /// On which photos.
    pub(crate) split: Split,
    /// The class word: before and after are the same.
    pub(crate) class: Paired,
    /// The name against the class word; `None` if there is no name.
    pub(crate) name: Option<Paired>,
    /// The identifier against the class word.
    pub(crate) identifier: Paired,
}

/// What the training of a cell changed, each against the base model under the same word.
pub(crate) struct TrainedTest<'d> {
    /// The cell.
    pub(crate) cell: &'d CellData,
    /// Under the identifier.
    pub(crate) identifier: Paired,
    /// Under the class word.
    pub(crate) class: Paired,
    /// Under the identifier, at little, middle and much noise.
    pub(crate) bands: [Option<Paired>; 3],
}

/// The held-out photos if there are any, else the training photos: the base model has seen neither.
fn split(rows: &[ProbeValueRow]) -> Split {
    if rows.iter().any(|row| row.split == Split::HeldOut) { Split::HeldOut } else { Split::Train }
}

/// One test for each set of values of a base model.
pub(crate) fn base_tests(data: &StudyData) -> Vec<BaseTest<'_>> {
    let mut tests: Vec<BaseTest<'_>> = Vec::new();
    for cell in &data.cells {
        let rows = &cell.probes.base;
        if tests.iter().any(|test| test.cell.probes.base_job == cell.probes.base_job) {
            continue;
        }
        let split = split(rows);
        let of = |words| select(rows, words, split);
        let class = of(Words::Class);
        if let (Some(same), Some(identifier)) = (paired(&class, &class), paired(&class, &of(Words::Identifier))) {
            tests.push(BaseTest { cell, split, class: same, name: paired(&class, &of(Words::Name)), identifier });
        }
    }
    tests
}

/// One test for each cell whose values are there.
pub(crate) fn trained_tests(data: &StudyData) -> Vec<TrainedTest<'_>> {
    data.cells.iter().filter_map(trained_test).collect()
}

fn trained_test(cell: &CellData) -> Option<TrainedTest<'_>> {
    let probes = &cell.probes;
    let split = split(&probes.base);
    let of = |words| (select(&probes.base, words, split), select(&probes.after, words, split));
    let (before, after) = of(Words::Identifier);
    let class = of(Words::Class);
    Some(TrainedTest {
        cell,
        identifier: paired(&before, &after)?,
        class: paired(&class.0, &class.1)?,
        bands: Band::ALL.map(|band| paired(&of_band(&before, band), &of_band(&after, band))),
    })
}

/// The loss of each held-out photo under the identifier; `None` if one is not a number.
pub(crate) fn held_out_losses(rows: &[ProbeValueRow]) -> Option<Vec<f64>> {
    let losses = by_photo(&select(rows, Words::Identifier, Split::HeldOut)).into_iter();
    losses.map(|(_, loss)| Some(loss).filter(|loss| loss.is_finite())).collect()
}

/// What the photos are called.
pub(crate) fn photos(split: Split) -> &'static str {
    if split == Split::HeldOut { "held-out photos" } else { "training photos, which the base model has not seen," }
}

/// What the loss under the name says of the base model.
pub(crate) fn said(test: &BaseTest<'_>) -> String {
    let Some(name) = &test.name else {
        return "No name is given in [subject], so the base model is asked about the class word and the identifier only."
            .to_owned();
    };
    let (estimate, photos) = (&name.difference, photos(test.split));
    if estimate.below(0.0) == Some(true) {
        format!(
            "With the name in the prompt, the base model's loss on the {photos} is lower than with the class word: it \
             knows something of the subject by its name."
        )
    } else if estimate.above(0.0) == Some(true) {
        format!(
            "With the name in the prompt, the base model's loss on the {photos} is higher than with the class word: \
             the name means something else to it."
        )
    } else if estimate.low.is_none() {
        format!("{} is too few to say whether the base model knows the name.", count(estimate.n, "photo"))
    } else {
        format!(
            "There is no sign that the base model knows the name: with it in the prompt, its loss on the {photos} is \
             not clearly lower than with the class word."
        )
    }
}

/// What must be known of the identifier: that it is a word which the base model knows already. `None` if it is not.
pub(crate) fn said_identifier(test: &BaseTest<'_>) -> Option<String> {
    let (difference, class) = (&test.identifier.difference, test.class.after);
    let clear = difference.above(0.0) == Some(true) || difference.below(0.0) == Some(true);
    if !clear || difference.mean.abs() <= KNOWN_WORD * class {
        return None;
    }
    Some(format!(
        "The identifier “{}” is not a meaningless word to the base model: it changes the loss by {:.1}\u{a0}% before \
         any training. What it means already mixes with the subject; letters that mean nothing are better.",
        test.cell.words[0],
        difference.mean.abs() / class * 100.0
    ))
}

/// A difference with its interval, e.g. `−0.0123 (−0.0200 to −0.0046)`.
pub(crate) fn difference(estimate: &Estimate) -> String {
    let mean = signed(estimate.mean);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{mean} ({} to {})", signed(low), signed(high)),
        _ => mean,
    }
}

/// A change of a loss with its sign, with four decimals whatever its size: a column can be compared at a glance.
fn signed(value: f64) -> String {
    let size = value.abs();
    let text = if size < 1.0 { format!("{size:.4}") } else { measurement(size) };
    match text.as_str() {
        "0.0000" => text,
        _ if value < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}
