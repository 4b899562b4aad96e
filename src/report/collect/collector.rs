//! What the store has for every job, and what is missing and why.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::experiment::sentence;
use crate::plan::{Cell, Job, Plan};
use crate::records::features::FeatureSet;
use crate::report::data::{Live, Problem, ProblemKind, StudyData};
use crate::report::error::ReportError;
use crate::report::naming::words;
use crate::stage::Stage;
use crate::store::{Artifact, Found, Store};

use super::unfinished;

/// What the store has for one job.
pub(super) enum State {
    Done(Box<Artifact>),
    Failed(String),
    Missing(String),
}

/// Looks a job up.
pub(super) fn state(
    job: &Job,
    store: &Store,
    live: Option<&Live>,
    raced: Option<String>,
) -> Result<State, ReportError> {
    match store.look(job.stage, &job.key)? {
        Found::Done(artifact) => Ok(State::Done(artifact)),
        Found::Damaged(_) => {
            let what = words::stage_name(job.stage);
            Ok(State::Missing(format!("{what}: the stored result is damaged; run the experiment again")))
        }
        Found::Missing => Ok(match store.failure(job.stage, &job.key)? {
            Some(failure) => State::Failed(sentence(&failure.reason)),
            None => State::Missing(match raced {
                Some(reason) => reason,
                None => unfinished::why(job, store, live)?,
            }),
        }),
    }
}

/// A study while it is put together.
pub(super) struct Collector<'p> {
    pub(super) plan: &'p Plan,
    pub(super) store: &'p Store,
    states: &'p [State],
    /// Photos already listed, by their prepare job and hash.
    pub(super) photos: BTreeMap<(Option<usize>, String), usize>,
    /// Features that were read, by job.
    pub(super) features: BTreeMap<usize, Rc<FeatureSet>>,
    pub(super) data: StudyData,
}

impl<'p> Collector<'p> {
    /// Nothing is collected yet; `states` has one entry per job of the plan.
    pub(super) fn new(plan: &'p Plan, store: &'p Store, states: &'p [State]) -> Self {
        let (photos, features) = (BTreeMap::new(), BTreeMap::new());
        Self { plan, store, states, photos, features, data: StudyData::default() }
    }

    /// The result of a job.
    pub(super) fn artifact(&self, job: usize) -> Option<&'p Artifact> {
        match self.states.get(job)? {
            State::Done(artifact) => Some(artifact),
            _ => None,
        }
    }

    /// The result of a stage of a cell.
    pub(super) fn of_cell(&self, cell: &Cell, stage: Stage) -> Option<&'p Artifact> {
        self.artifact(*cell.jobs.one(stage)?)
    }

    /// The key of a cell's job.
    pub(super) fn key(&self, cell: &Cell, stage: Stage) -> String {
        cell.jobs.one(stage).map(|j| self.plan.jobs[*j].key.to_string()).unwrap_or_default()
    }

    /// Why a job has no result, if what it needs is there.
    pub(super) fn problem(&self, job: usize) -> Option<Problem> {
        let stage = self.plan.jobs[job].stage;
        let (failed, reason) = match &self.states[job] {
            State::Done(_) => return None,
            State::Failed(reason) => (true, reason.clone()),
            State::Missing(reason) => (false, reason.clone()),
        };
        Some(Problem { stage, failed, reason })
    }

    /// Problems of a cell, without those that only follow from another one.
    pub(super) fn problems(&self, cell: &Cell) -> Vec<Problem> {
        let own: Vec<usize> = cell.jobs.iter().map(|(_, job)| *job).collect();
        let blocked = |job: usize| self.plan.jobs[job].needs.iter().any(|n| self.artifact(*n).is_none());
        let mut problems: Vec<Problem> =
            own.into_iter().filter(|j| !blocked(*j)).filter_map(|j| self.problem(j)).collect();
        // What the race stopped explains everything that is missing, and so does a failure.
        if problems.iter().any(|p| p.kind() == ProblemKind::Raced) {
            problems.retain(|p| matches!(p.kind(), ProblemKind::Raced | ProblemKind::Failed | ProblemKind::Diverged));
        }
        // A failure explains more than what was not run because of it.
        problems.sort_by_key(|p| !p.failed);
        problems
    }
}

/// Reads a JSON file of an artifact.
pub(super) fn json<T: for<'d> Deserialize<'d>>(artifact: &Artifact, name: &str) -> Result<T, ReportError> {
    serde_json::from_slice(&artifact.read(name)?)
        .map_err(|e| ReportError::Content { path: artifact.dir.join(name), reason: e.to_string() })
}
