//! The denoising loss at fixed noise and timesteps, before and after the training.

use crate::measures::inputs::Cell;
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::probe_values::ProbeChanges;
use crate::measures::record::Values;

const NAMES: [&str; 6] = [
    "probe_train",
    "probe_held_out",
    "probe_class",
    "baseline_probe_train",
    "baseline_probe_held_out",
    "baseline_probe_class",
];

/// The losses after the training on three kinds of images, then those of the base model.
pub(super) const MEASURES: &[Measure] = &[
    Measure { ..after(0, "Denoising loss on the training photos after the training.", |cell| cell.train.after) },
    Measure { ..after(1, "Denoising loss on the held-out photos after the training.", |cell| cell.unseen.after) },
    Measure { ..after(2, "Denoising loss on the class images after the training.", |cell| cell.class.after) },
    base(3, "The base model's denoising loss on the training photos.", |cell| cell.train.base),
    base(4, "The base model's denoising loss on the held-out photos.", |cell| cell.unseen.base),
    base(5, "The base model's denoising loss on the class images.", |cell| cell.class.base),
];

const fn after(index: usize, note: &'static str, of: fn(&Cell<'_>) -> Option<f64>) -> Measure {
    Measure { better: Better::Lower, floor: Some(NAMES[index + 3]), ..base(index, note, of) }
}

const fn base(index: usize, note: &'static str, of: fn(&Cell<'_>) -> Option<f64>) -> Measure {
    let name = NAMES[index];
    Measure { name, note, better: Better::Neither, floor: None, ceiling: &[], of: Of::Cell(of) }
}

/// The losses on training photos and on held-out photos, before and after the training, by the names of their measures.
/// They take the place of those of the training's own curve, which asks about fewer held-out photos, and in large cells
/// about more training photos than in small ones.
#[must_use]
pub fn of_values(changes: &ProbeChanges<'_>) -> Values {
    let mut values = Values::new();
    for (index, paired) in [(0, changes.train), (1, changes.held_out)] {
        let Some(paired) = paired else { continue };
        values.insert(NAMES[index].to_owned(), paired.after);
        values.insert(NAMES[index + 3].to_owned(), paired.before);
    }
    values
}
