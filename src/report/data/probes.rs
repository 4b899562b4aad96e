//! The probe values of a cell.

use serde::{Deserialize, Serialize};

use crate::measures::probe_values::{Paired, ProbeValue, paired};
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::Split;

/// The denoising losses of the base model and of the cell's adapter, for the same photos, times and noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probes {
    /// Key of the base model's job: cells with the same one share the values.
    pub base_job: String,
    /// Key of the adapter's job: cells with the same one share the values.
    pub job: String,
    /// The base model's values; empty until they are measured.
    pub base: Vec<ProbeValueRow>,
    /// The adapter's values; empty until they are measured.
    pub after: Vec<ProbeValueRow>,
}

impl Probes {
    /// What the training changed under the identifier on photos of a kind; `None` where the values are not kept.
    #[must_use]
    pub fn change(&self, split: Split) -> Option<Paired> {
        let of = |rows| select(rows, Words::Identifier, split);
        paired(&of(&self.base), &of(&self.after))
    }
}

/// Some of the values.
#[must_use]
pub fn select(rows: &[ProbeValueRow], words: Words, split: Split) -> Vec<ProbeValue<'_>> {
    let rows = rows.iter().filter(|row| (row.words, row.split) == (words, split));
    rows.map(|row| ProbeValue { photo: &row.photo, timestep: row.timestep, loss: row.loss }).collect()
}
