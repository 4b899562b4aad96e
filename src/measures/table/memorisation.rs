//! Whether photos were learnt by heart: the loss fell on them, and not on photos that were never seen.

use crate::measures::measure::{Better, Column, Measure, Of, Table};

/// The change on the training photos less the change on the held-out photos.
pub(super) const MEASURES: &[Measure] = &[Measure {
    name: "memorisation_gap",
    note: "Change of the denoising loss on training photos less that on held-out photos, each as a share of the base \
           model's loss. Below 0, the loss fell further on the photos that were trained on.",
    better: Better::Higher,
    floor: None,
    ceiling: &[],
    columns: &[
        Column {
            table: Table::Page,
            rank: 35,
            head: "memorised",
            below: "change on training − on held-out photos",
            optional: true,
        },
        Column { table: Table::Text, rank: 35, head: "memorised", below: "", optional: true },
    ],
    of: Of::Probes(|changes| Some(changes.train?.relative() - changes.held_out?.relative())),
}];
