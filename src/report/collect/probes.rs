//! The probe values of a cell, and the measures that come from them.

use crate::measures::Of;
use crate::measures::probe_values::ProbeChanges;
use crate::measures::record::Values;
use crate::measures::table::{self, probe_loss};
use crate::plan::Cell;
use crate::records::probe_values::ProbeValueRow;
use crate::records::rows::{self, Row as _, Split};
use crate::report::data::Probes;
use crate::report::error::ReportError;
use crate::stage::{Inputs, Stage};

use super::collector::Collector;

impl Collector<'_> {
    /// The values of the base model and of the cell's adapter, as far as they are there.
    pub(super) fn probes(&self, cell: &Cell) -> Result<Probes, ReportError> {
        let mut out = Probes::default();
        for job in cell.jobs.all(Stage::Probe).iter().copied() {
            let Inputs::Probe(inputs) = &self.plan.jobs[job].inputs else { continue };
            let (key, values) = match inputs.train {
                None => (&mut out.base_job, &mut out.base),
                Some(_) => (&mut out.job, &mut out.after),
            };
            *key = self.plan.jobs[job].key.to_string();
            if let Some(artifact) = self.artifact(job) {
                let name = ProbeValueRow::FILE;
                *values = rows::read(&artifact.read(name)?)
                    .map_err(|e| ReportError::Content { path: artifact.dir.join(name), reason: e.to_string() })?;
            }
        }
        Ok(out)
    }
}

/// The measures of a cell that its probe values give.
pub(super) fn measures(probes: &Probes) -> Values {
    let (train, held_out) = (probes.change(Split::Train), probes.change(Split::HeldOut));
    let changes = ProbeChanges { train: train.as_ref(), held_out: held_out.as_ref() };
    let mut values = probe_loss::of_values(&changes);
    for measure in table::all() {
        if let Of::Probes(compute) = measure.of
            && let Some(value) = compute(&changes).filter(|value| value.is_finite())
        {
            values.insert(measure.name.to_owned(), value);
        }
    }
    values
}
