//! What must be known to read the likeness rightly.

use crate::choice::Purpose;
use crate::report::data::StudyData;
use crate::text;

use super::blind::is_blind;

/// One sentence for each thing that the likeness lacks.
pub(super) fn notes(data: &StudyData) -> Vec<String> {
    if !data.cells.iter().any(|cell| cell.prompt_images() > 0) {
        return Vec::new();
    }
    if !data.encoders.iter().any(|encoder| encoder.purposes.contains(&Purpose::Identity)) {
        let note = "Likeness is not measured: no encoder is named; `[evaluate] encoders` in the experiment file names \
                    one. Look at the images.";
        return vec![note.to_owned()];
    }
    if is_blind(data) {
        return Vec::new();
    }
    let measured: Vec<_> = data.cells.iter().filter_map(|cell| cell.likeness.as_ref()).collect();
    measured
        .iter()
        .map(|likeness| likeness.held_out)
        .min()
        .and_then(few_photos)
        .map(str::to_owned)
        .into_iter()
        .chain(background(data))
        .collect()
}

/// Whether the background counts.
fn background(data: &StudyData) -> Option<String> {
    if !data.cells.iter().any(|cell| cell.value("identity").is_some()) {
        return None;
    }
    let masked = data.cells.iter().filter_map(|cell| cell.value("identity_masked"));
    let masked: Vec<f64> = masked.collect();
    Some(if masked.is_empty() {
        "Likeness is measured on whole pictures, so their backgrounds count, too.".to_owned()
    } else {
        let mean = masked.iter().sum::<f64>() / masked.len() as f64;
        format!(
            "Likeness is measured on whole pictures, so their backgrounds count, too. On the subject alone it is {} on \
             average; the numbers have it for every cell.",
            text::measurement(mean)
        )
    })
}

/// What so few held-out photos mean for the ceiling.
fn few_photos(held_out: usize) -> Option<&'static str> {
    match held_out {
        0 => Some(
            "No photo is held out, so the likeness to unseen photos is not measured; `dataset.held_out` holds some \
             out.",
        ),
        1 => Some(
            "Only one photo is held out: the ceiling of the likeness is its likeness to the training photos of the \
             largest size, and whether the encoder sees the subject cannot be told.",
        ),
        2 => Some(
            "Only two photos are held out: the ceiling of the likeness rests on this one pair, and whether the encoder \
             sees the subject cannot be told.",
        ),
        _ => None,
    }
}
