//! What a run needs, and how it ended.

use super::ready::{CellState, JobState, cell_state};
use super::terms::Terms;
use crate::event::Observer;
use crate::plan::Plan;
use crate::stage::Stage;
use crate::store::Store;
use crate::worker::StopFlag;

/// Everything a run needs but the worker.
pub struct Run<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Where results are and go.
    pub store: &'a Store,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Ends the run after the current step.
    pub stop: &'a StopFlag,
    /// Begin nothing new after that many failed cells.
    pub max_fail: Option<usize>,
    /// Which part of the plan this run may do.
    pub terms: Terms,
    /// What the worker computes on, for its events, e.g. `cpu` or `cuda:1`.
    pub worker: String,
    /// The class of that device, `cpu`, `cuda` or `metal`, for the first event and for advice.
    pub device: String,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Labels of the cells with all results.
    pub done: Vec<String>,
    /// The cells that failed.
    pub failed: Vec<FailedCell>,
    /// Labels of the cells that the race stopped.
    pub raced: Vec<String>,
    /// Labels of the cells that were not finished: stopped, or `max_fail` reached.
    pub skipped: Vec<String>,
    /// The jobs that the run was allowed to do and that could not begin, because nobody makes what they need.
    pub stuck: Vec<String>,
    /// The trainings that the run was allowed to do and that wait at a rung of the race for others.
    pub at_rung: Vec<String>,
    /// Whether the stop flag ended the run.
    pub stopped: bool,
    /// Why the report at the end could not be written.
    pub report_error: Option<String>,
}

/// A cell without all its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCell {
    /// The cell.
    pub label: String,
    /// The job that failed first.
    pub stage: Stage,
    /// Why, for the user.
    pub reason: String,
}

impl Summary {
    /// How the cells ended, by the states of all jobs and the reasons of those that failed.
    pub(super) fn of(plan: &Plan, states: &[JobState], reasons: &[Option<String>]) -> Self {
        let mut summary = Self::default();
        for (index, cell) in plan.cells.iter().enumerate() {
            let label = cell.label.clone();
            match cell_state(plan, states, index) {
                CellState::Done => summary.done.push(label),
                CellState::Failed(job) => {
                    let reason = reasons[job].clone().unwrap_or_default();
                    summary.failed.push(FailedCell { label, stage: plan.jobs[job].stage, reason });
                }
                CellState::Raced => summary.raced.push(label),
                CellState::Open => summary.skipped.push(label),
            }
        }
        summary
    }
}
