//! Whether photos were learnt by heart: the loss fell on them, and not on photos that were never seen.

use crate::measures::measure::{Better, Measure, Of};

/// The change on the training photos less the change on the held-out photos.
pub(super) const MEASURES: &[Measure] = &[Measure {
    name: "memorisation_gap",
    note: "Change of the denoising loss on training photos less that on held-out photos, each as a share of the base \
           model's loss. Below 0, the loss fell further on the photos that were trained on.",
    better: Better::Higher,
    floor: None,
    ceiling: &[],
    of: Of::Probes(|changes| Some(changes.train?.relative() - changes.held_out?.relative())),
}];
