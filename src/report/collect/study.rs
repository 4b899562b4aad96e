//! Puts a study together.

use crate::experiment::settings::EncoderChoice;
use crate::plan::Plan;
use crate::report::data::{EncoderData, Live, StudyData};
use crate::report::diff::Record;
use crate::report::error::ReportError;
use crate::stage::Stage;
use crate::store::Store;

use super::collector::{Collector, state};
use super::{costs, provenance, race, settings};

/// Reads everything the report shows; a missing or failed piece becomes a problem of its cells. `live` is the run that
/// is going on.
///
/// # Errors
/// The store cannot be read, or a stored list does not say what it should.
pub fn collect(plan: &Plan, store: &Store, live: Option<&Live>) -> Result<StudyData, ReportError> {
    let course = race::course(plan, store);
    let of_job = |(index, job)| state(job, store, live, race::why(course.as_ref(), index));
    let states = plan.jobs.iter().enumerate().map(of_job).collect::<Result<Vec<_>, _>>()?;
    let mut c = Collector::new(plan, store, &states);
    c.data.name.clone_from(&plan.name);
    c.data.title.clone_from(&plan.title);
    c.data.file.clone_from(&plan.file);
    c.data.notices.clone_from(&plan.notices);
    c.data.axes = settings::axes(plan);
    (c.data.fixed, c.data.derived) = settings::shared(plan, &c.data.axes);
    c.data.settings_json = settings::json(plan);
    c.data.record = Record::of(plan).to_json();
    c.data.race = race::race(course.as_ref(), &|job| c.artifact(job).is_some());
    c.data.provenance = provenance::provenance(plan);
    c.data.costs = costs::costs(plan, &states);
    c.data.live = live.map(|live| with_cells(live, plan));
    // These are the same in all cells.
    if let Some(evaluate) = plan.cells.first().map(|cell| &cell.settings.evaluate) {
        let named = |encoder: &EncoderChoice| (encoder.name.clone(), encoder.purposes.clone());
        let encoders = evaluate.encoders.iter().map(named);
        c.data.encoders = encoders.map(|(name, purposes)| EncoderData { name, purposes }).collect();
        c.data.question = evaluate.question;
    }
    let baselines = c.sets(Stage::Baseline, "baseline")?;
    c.data.class_images = c.sets(Stage::ClassImages, "class")?.into_iter().map(|(_, set)| set).collect();
    for cell in &plan.cells {
        let mut one = c.cell(cell)?;
        one.baseline = cell.jobs.one(Stage::Baseline).and_then(|j| baselines.iter().position(|(job, _)| job == j));
        c.data.cells.push(one);
    }
    c.data.baselines = baselines.into_iter().map(|(_, set)| set).collect();
    Ok(c.data)
}

/// The run with the cells that its job is for, in the order of the whole study.
fn with_cells(live: &Live, plan: &Plan) -> Live {
    let mut live = live.clone();
    if let Some(running) = &mut live.running {
        let job = plan.jobs.iter().find(|job| job.stage == running.stage && job.key.as_str() == running.key);
        running.cells = job.map(|job| job.cells.clone()).unwrap_or_default();
    }
    live
}
