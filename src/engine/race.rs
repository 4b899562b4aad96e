//! The race of a run: which trainings wait at a rung, which go on, and which are stopped.
//!
//! All trainings that are still in the race come to a rung before any of them goes beyond it. So a decision is made
//! from the same losses whoever makes it: it is stored under what it was made from, and every other process, and every
//! later run, finds it there.

use std::collections::BTreeMap;

use super::ready::JobState;
use crate::plan::Plan;
use crate::plan::race::{Course, Curve, Decision, Field, KeptBecause, Progress};
use crate::records::rows::{self, ProbeRow, Row as _};
use crate::stage::Stage;
use crate::store::{Store, StoreError};

/// The race of a run.
pub(super) struct Racing<'a> {
    field: &'a Field,
    store: &'a Store,
    course: Course,
    /// What trainings have shown, by training and rung.
    shown: BTreeMap<(usize, usize), Progress>,
}

impl<'a> Racing<'a> {
    /// `None` without a race.
    pub(super) fn new(plan: &'a Plan, store: &'a Store) -> Option<Self> {
        let field = plan.race.as_ref()?;
        Some(Self { field, store, course: Course::default(), shown: BTreeMap::new() })
    }

    /// Goes as far as it can: takes over decisions that are stored, and decides where all trainings are there. Returns
    /// what is new, in a plain sentence for each rung.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub(super) fn advance(&mut self, states: &[JobState]) -> Result<Vec<String>, StoreError> {
        let mut news = Vec::new();
        let (field, store) = (self.field, self.store);
        let failed = |e: usize| matches!(states[field.entrants[e].job], JobState::Failed | JobState::Dropped);
        while let Some(rung) = self.course.next_rung(field) {
            if !self.course.follow(field, store, &failed) {
                let alive = self.course.alive(field);
                let mut shown = vec![None; field.entrants.len()];
                for (e, shown) in shown.iter_mut().enumerate() {
                    if !alive.contains(&field.entrants[e].condition) || failed(e) {
                        continue;
                    }
                    *shown = self.shown_at(e, rung)?;
                    if shown.is_none() {
                        return Ok(news);
                    }
                }
                self.course.decide(field, store, &failed, &shown)?;
            }
            news.extend(self.course.decisions.last().map(|decision| sentence(field, decision)));
        }
        Ok(news)
    }

    /// The jobs that are stopped.
    pub(super) fn stopped(&self) -> impl Iterator<Item = usize> + '_ {
        let stopped = |e: &usize| self.course.stopped_at(self.field.entrants[*e].condition).is_some();
        (0..self.field.entrants.len()).filter(stopped).map(|e| self.field.entrants[e].job)
    }

    /// Whether a job is a training that waits at a rung for others.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn waits(&mut self, job: usize) -> Result<bool, StoreError> {
        let (Some(e), Some(rung)) = (self.field.entrant(job), self.course.next_rung(self.field)) else {
            return Ok(false);
        };
        Ok(self.shown_at(e, rung)?.is_some())
    }

    /// The step until which a job may go now; `None`: to its end.
    pub(super) fn until(&self, job: usize) -> Option<u64> {
        let rung = self.course.next_rung(self.field)?;
        self.field.entrant(job).map(|e| self.field.entrants[e].rungs[rung])
    }

    /// What a training has shown at a rung; `None` if it has not come so far.
    fn shown_at(&mut self, e: usize, rung: usize) -> Result<Option<Progress>, StoreError> {
        if let Some(shown) = self.shown.get(&(e, rung)) {
            return Ok(Some(*shown));
        }
        let entrant = &self.field.entrants[e];
        let unfinished = self.store.unfinished(Stage::Train, &entrant.key, &rows::so_far::<ProbeRow>())?;
        let bytes = match unfinished {
            Some(bytes) => Some(bytes),
            None => match self.store.find(Stage::Train, &entrant.key)? {
                // A file that turns out to be damaged is made again.
                Some(artifact) => artifact.read(ProbeRow::FILE).ok(),
                None => None,
            },
        };
        let rows: Vec<ProbeRow> = bytes.and_then(|bytes| rows::read(&bytes).ok()).unwrap_or_default();
        let shown = Curve::of(&rows).at(entrant.rungs[rung], entrant.steps);
        if let Some(shown) = shown {
            self.shown.insert((e, rung), shown);
        }
        Ok(shown)
    }
}

/// What was decided at a rung.
fn sentence(field: &Field, decision: &Decision) -> String {
    let named = |all: Vec<usize>| all.into_iter().map(|c| field.title(c)).collect::<Vec<_>>().join("; ");
    let rung = decision.rung + 1;
    let mut text = match decision.stopped.as_slice() {
        [] => format!("race, rung {rung} of {}: all go on", field.rungs),
        stopped => {
            let all = named(stopped.iter().map(|s| s.condition).collect());
            format!("race, rung {rung} of {}: stopped {all}", field.rungs)
        }
    };
    if !decision.comparable {
        text += "; they are not measured on the same photos in the same way, so they cannot be compared";
    }
    for kept in &decision.kept {
        let title = field.title(kept.condition);
        text += &match &kept.because {
            KeptBecause::CatchesUp => format!("; {title} is behind and catches up"),
            KeptBecause::OnlyOneOf(value) => format!("; {title} is behind and the only one of {value}"),
        };
    }
    text
}
