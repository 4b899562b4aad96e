//! Work that is not done: how far it is, and what it has so far.

use crate::plan::Job;
use crate::records::rows::{self, Row};
use crate::report::data::{CsvTable, Live};
use crate::report::error::ReportError;
use crate::report::page::live;
use crate::stage::{Inputs, Stage};
use crate::store::{Attempt, Store};

/// Why a job that did not fail has no result.
pub(super) fn why(job: &Job, store: &Store, live: Option<&Live>) -> Result<String, ReportError> {
    let running = live.and_then(|live| live.running.as_ref());
    if let Some(running) = running.filter(|r| r.stage == job.stage && r.key == job.key.as_str()) {
        return Ok(live::being_made(running.stage, live::place(running)));
    }
    let step = || -> Result<Option<String>, ReportError> {
        let Inputs::Train(wanted) = &job.inputs else { return Ok(None) };
        let rows = so_far::<rows::LossRow>(job, store)?;
        let last = rows.points("step", "step", |_| true).last().map(|point| point.0);
        Ok(last.map(|step| format!("step {step} of {}", wanted.train.recipe.steps)))
    };
    Ok(match store.attempt(job.stage, &job.key) {
        Attempt::Working => live::being_made(job.stage, step()?),
        Attempt::Begun => match step()? {
            Some(step) => format!("stopped at {step}"),
            None => "begun and not finished".to_owned(),
        },
        Attempt::None => "not run yet".to_owned(),
    })
}

/// The rows that an unfinished training has so far.
pub(super) fn so_far<R: Row>(job: &Job, store: &Store) -> Result<CsvTable, ReportError> {
    if job.stage != Stage::Train {
        return Ok(CsvTable::default());
    }
    let bytes = store.unfinished(job.stage, &job.key, &rows::so_far::<R>())?;
    Ok(bytes.map(|bytes| CsvTable::parse(&bytes)).unwrap_or_default())
}
