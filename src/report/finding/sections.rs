//! Sentences that stand over a section. Each depends on what the study has.

use std::collections::BTreeSet;

use crate::measures::record::Values;
use crate::measures::table::copying::{HELD_OUT, LARGEST};
use crate::report::data::{CellData, StudyData};
use crate::report::naming::axis;
use crate::text;

/// Whether no cell trains on a photo that another cell holds out.
fn never_trained_on(data: &StudyData) -> bool {
    let hashes = |photos: fn(&CellData) -> &Vec<usize>| -> BTreeSet<&str> {
        let all = data.cells.iter().flat_map(photos).filter_map(|i| data.photos.get(*i));
        all.map(|p| p.hash.as_str()).collect()
    };
    hashes(|c| &c.train_photos).is_disjoint(&hashes(|c| &c.held_out_photos))
}

/// The photos on which generalisation is measured: `5 photos that no cell trains on`.
pub(super) fn held_out_place<'d>(data: &'d StudyData, cells: impl Iterator<Item = &'d CellData>) -> String {
    let counts: BTreeSet<usize> = cells.map(|c| c.held_out_photos.len().min(c.probe_photos)).collect();
    let photos = match counts.iter().collect::<Vec<_>>().as_slice() {
        [n] if **n > 0 => text::count(**n, "photo"),
        _ => "photos".to_owned(),
    };
    format!("{photos} that {}", not_trained_on(data))
}

fn not_trained_on(data: &StudyData) -> &'static str {
    if never_trained_on(data) { "no cell trains on" } else { "the cell itself does not train on" }
}

/// The largest number of training photos that are measured, if that is not all of them.
pub(super) fn measured_first(data: &StudyData) -> Option<usize> {
    data.cells.iter().find(|c| c.train_photos.len() > c.probe_photos).map(|c| c.probe_photos)
}

/// The heading of a set of held-out photos.
pub(crate) fn held_out_title(data: &StudyData, photos: usize) -> String {
    let never = if never_trained_on(data) { "never trained on" } else { "not trained on in their own cells" };
    format!("{}, {never}", text::count(photos, "held-out photo"))
}

/// What the probe loss is and how to read it.
pub(crate) fn curve_words(data: &StudyData) -> String {
    let first = match measured_first(data) {
        Some(1) => "the first of the photos the cell trains on".to_owned(),
        Some(n) => format!("the photos the cell trains on (at most the first {n})"),
        None => "the photos the cell trains on".to_owned(),
    };
    let start = "The probe loss is the model's denoising error at fixed noise and fixed timesteps; lower is better.";
    if data.cells.iter().any(|c| !c.held_out_photos.is_empty()) {
        let unseen = not_trained_on(data);
        format!(
            "{start} It is measured on {first} and on photos that {unseen}. If only the first falls, the adapter \
             memorises."
        )
    } else {
        format!(
            "{start} It is measured on {first}. No photo is held out, so it cannot show whether the adapter memorises."
        )
    }
}

/// What the losses of the table are.
pub(crate) fn numbers_words() -> &'static str {
    "Losses are probe losses after training (lower is better), beside each the change from the base model on the same \
     photos."
}

/// The real photos with which the similarity of images is compared.
#[derive(Clone, Copy, PartialEq)]
enum Real {
    Unseen,
    Training,
    Both,
    Nothing,
}

fn real(data: &StudyData) -> Real {
    let values = data.cells.iter().filter_map(|c| c.metrics.as_ref());
    let measured: Vec<&Values> = values.filter(|values| LARGEST.value(values).is_some()).collect();
    let unseen = measured.iter().any(|values| HELD_OUT.value(values).is_some());
    let training = measured.iter().any(|values| HELD_OUT.value(values).is_none() && LARGEST.ceiling(values).is_some());
    match (unseen, training) {
        (true, true) => Real::Both,
        (true, false) => Real::Unseen,
        (false, true) => Real::Training,
        (false, false) => Real::Nothing,
    }
}

/// The head of the column with the similarity of real photos.
pub(crate) fn real_photos(data: &StudyData) -> &'static str {
    match real(data) {
        Real::Training => "training photos among themselves",
        Real::Both => "unseen photos, else training photos among themselves",
        Real::Unseen | Real::Nothing => "unseen photos",
    }
}

/// How the report looks for copies.
pub(crate) fn copying_words(data: &StudyData) -> String {
    let start =
        "Similarity (normalised cross-correlation, at most 1) of every image to the training photo it resembles most.";
    let base = "what the base model’s images on the same noise reach";
    let real = match real(data) {
        Real::Unseen => "what real photos reach that the cell does not train on",
        Real::Training => "what the training photos reach among themselves (none is held out)",
        Real::Both => {
            "what real photos reach (those the cell does not train on; where none is held out, the training photos \
             among themselves)"
        }
        Real::Nothing => {
            return format!(
                "{start} It can only be held against {base}: there is no second photo, so no image is counted as close \
                 to one."
            );
        }
    };
    format!(
        "{start} Two things to hold it against: {real}, and {base}. Images above the first and clearly above the \
         second are counted as close to a photo."
    )
}

/// What the images of one row have in common: `(for the page, for the sheet)`.
pub(crate) fn from_noise(data: &StudyData) -> (String, &'static str) {
    let same_noise = ["generate.seeds", "generate.prompts", "generate.baseline_prompts", "generate.batch_size"];
    let other = |key: &str| {
        let own = key.starts_with("generate.") || key.starts_with("model.") || key.starts_with("subject.");
        (own && !same_noise.contains(&key) && !axis::is_slider(key)) || key == "dataset.resolution"
    };
    let axes = data.axes.iter().chain(&data.derived).filter(|a| a.values.len() > 1 && other(&a.key));
    let names: Vec<String> = axes.map(|a| axis::name(&a.key)).collect();
    match names.as_slice() {
        [] => (
            "Each row starts from the same noise; only the adapter differs.".to_owned(),
            "each row starts from the same noise",
        ),
        [one] => (
            format!("Each row starts from the same seed; beside the adapter, the {one} differs from column to column."),
            "each row starts from the same seed",
        ),
        names => (
            format!(
                "Each row starts from the same seed; beside the adapter, the columns differ in {}.",
                text::list(names)
            ),
            "each row starts from the same seed",
        ),
    }
}
