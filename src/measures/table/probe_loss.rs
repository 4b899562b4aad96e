//! The denoising loss at fixed noise and timesteps, before and after the training.

use crate::measures::inputs::Cell;
use crate::measures::measure::{Better, Column, Measure, Of, Table};

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
    Measure {
        columns: &[
            Column {
                table: Table::Page,
                rank: 20,
                head: "training loss",
                below: "falls further than held-out: memorised",
                optional: false,
            },
            Column { table: Table::Text, rank: 20, head: "training loss", below: "", optional: false },
        ],
        ..after(0, "Denoising loss on the training photos after the training.", |cell| cell.train.after)
    },
    Measure {
        columns: &[
            Column {
                table: Table::Page, rank: 10, head: "held-out loss", below: "↓ lower is better", optional: false
            },
            Column { table: Table::Text, rank: 10, head: "held-out loss", below: "", optional: false },
        ],
        ..after(1, "Denoising loss on the held-out photos after the training.", |cell| cell.unseen.after)
    },
    Measure {
        columns: &[Column {
            table: Table::Page,
            rank: 30,
            head: "class loss",
            below: "↑ means forgetting",
            optional: true,
        }],
        ..after(2, "Denoising loss on the class images after the training.", |cell| cell.class.after)
    },
    base(3, "The base model's denoising loss on the training photos.", |cell| cell.train.base),
    base(4, "The base model's denoising loss on the held-out photos.", |cell| cell.unseen.base),
    base(5, "The base model's denoising loss on the class images.", |cell| cell.class.base),
];

const fn after(index: usize, note: &'static str, of: fn(&Cell<'_>) -> Option<f64>) -> Measure {
    Measure { better: Better::Lower, floor: Some(NAMES[index + 3]), ..base(index, note, of) }
}

const fn base(index: usize, note: &'static str, of: fn(&Cell<'_>) -> Option<f64>) -> Measure {
    let name = NAMES[index];
    Measure { name, note, better: Better::Neither, floor: None, ceiling: &[], columns: &[], of: Of::Cell(of) }
}
