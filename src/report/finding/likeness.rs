//! What must be known to read the likeness rightly.

use crate::choice::Purpose;
use crate::report::data::StudyData;

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
    let measured: Vec<_> = data.cells.iter().filter_map(|cell| cell.likeness.as_ref()).collect();
    measured
        .iter()
        .map(|likeness| likeness.held_out)
        .min()
        .and_then(few_photos)
        .map(str::to_owned)
        .into_iter()
        .collect()
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
