//! The race of a run: which trainings wait at a rung, which go on, and which are stopped.
//!
//! All trainings that are still in the race come to a rung before any of them goes beyond it. So a decision is made
//! from the same losses whoever makes it: it is stored under what it was made from, and every other process, and every
//! later run, finds it there.

use std::collections::BTreeMap;

use super::board::Board;
use super::ready::JobState;
use crate::choice::RaceMeasure;
use crate::plan::Plan;
use crate::plan::race::{Course, Curve, Decision, Entrant, Field, KeptBecause, Progress};
use crate::records::rows::{self, BandRow, ProbeRow, Row};
use crate::stage::Stage;
use crate::store::{Store, StoreError};

/// What a sentence about a decision begins with.
pub(super) const NEWS: &str = "race, rung";

/// The race of a run.
pub(super) struct Racing<'a> {
    field: &'a Field,
    store: &'a Store,
    course: Course,
    /// What trainings have shown, by training and rung.
    shown: BTreeMap<(usize, usize), Shown>,
}

/// What a training has shown at a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    /// It has not come so far.
    NotYet,
    /// It has; `None` if it did not write what the race goes by, because an earlier version of this program made it.
    At(Option<Progress>),
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
    pub(super) fn advance(&mut self, board: &Board<'_>) -> Result<Vec<String>, StoreError> {
        if self.course.next_rung(self.field).is_none() {
            return Ok(Vec::new());
        }
        let gone: Vec<bool> =
            self.field.entrants.iter().map(|e| self.is_gone(e, board)).collect::<Result<_, StoreError>>()?;
        self.advance_without(&gone)
    }

    /// The same, if nothing more comes of the trainings that are `gone`: an entry for each training of the field.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub(super) fn advance_without(&mut self, gone: &[bool]) -> Result<Vec<String>, StoreError> {
        let mut news = Vec::new();
        let (field, store) = (self.field, self.store);
        let failed = |e: usize| gone[e];
        while let Some(rung) = self.course.next_rung(field) {
            if !self.course.follow(field, store, &failed) {
                let alive = self.course.alive(field);
                let mut shown = vec![None; field.entrants.len()];
                for (e, shown) in shown.iter_mut().enumerate() {
                    if !alive.contains(&field.entrants[e].condition) || failed(e) {
                        continue;
                    }
                    match self.shown_at(e, rung)? {
                        Shown::NotYet => return Ok(news),
                        Shown::At(progress) => *shown = progress,
                    }
                }
                self.course.decide(field, store, &failed, &shown)?;
            }
            news.extend(self.course.decisions.last().map(|decision| sentence(field, decision)));
        }
        Ok(news)
    }

    /// Takes over decisions that are stored, and decides nothing.
    pub(super) fn follow(&mut self, gone: &[bool]) -> Vec<String> {
        let mut news = Vec::new();
        while self.course.follow(self.field, self.store, &|e| gone[e]) {
            news.extend(self.course.decisions.last().map(|decision| sentence(self.field, decision)));
        }
        news
    }

    /// Rungs that are still to come.
    pub(super) fn rungs_left(&self) -> usize {
        self.field.rungs - self.course.decisions.len()
    }

    /// Whether nothing more comes of a training in this run: it failed here, or beside us.
    fn is_gone(&self, entrant: &Entrant, board: &Board<'_>) -> Result<bool, StoreError> {
        match board.states[entrant.job] {
            JobState::Failed | JobState::Dropped => Ok(true),
            JobState::Pending => {
                let failed = board.failed_elsewhere(entrant.job)?.is_some();
                Ok(failed && self.store.find(Stage::Train, &entrant.key)?.is_none())
            }
            JobState::Claimed | JobState::Done | JobState::Raced => Ok(false),
        }
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
        Ok(self.shown_at(e, rung)? != Shown::NotYet)
    }

    /// The step until which a job may go now; `None`: to its end.
    pub(super) fn until(&self, job: usize) -> Option<u64> {
        let rung = self.course.next_rung(self.field)?;
        self.field.entrant(job).map(|e| self.field.entrants[e].rungs[rung])
    }

    /// What a training has shown at a rung.
    fn shown_at(&mut self, e: usize, rung: usize) -> Result<Shown, StoreError> {
        if let Some(shown) = self.shown.get(&(e, rung)) {
            return Ok(*shown);
        }
        let (field, entrant) = (self.field, &self.field.entrants[e]);
        let (at, steps) = (entrant.rungs[rung], entrant.steps);
        let losses = self.rows::<ProbeRow>(entrant)?.map(|rows| Curve::of(&rows));
        let Some(progress) = losses.and_then(|curve| curve.at(at, steps)) else { return Ok(Shown::NotYet) };
        let shown = match field.measure {
            RaceMeasure::HeldOutLoss => Some(progress),
            measure => match self.rows::<BandRow>(entrant)? {
                Some(rows) => Curve::of_bands(&rows, measure).and_then(|curve| curve.at(at, steps)),
                None if self.has_no_bands(entrant)? => None,
                None => return Ok(Shown::NotYet),
            },
        };
        self.shown.insert((e, rung), Shown::At(shown));
        Ok(Shown::At(shown))
    }

    /// The rows that a training has written until now. What is damaged counts as not there: it is made again.
    fn rows<R: Row>(&self, entrant: &Entrant) -> Result<Option<Vec<R>>, StoreError> {
        let unfinished = self.store.unfinished(Stage::Train, &entrant.key, &rows::so_far::<R>())?;
        let bytes = match unfinished {
            Some(bytes) => Some(bytes),
            None => self.store.find(Stage::Train, &entrant.key)?.and_then(|artifact| artifact.read(R::FILE).ok()),
        };
        Ok(bytes.and_then(|bytes| rows::read(&bytes).ok()))
    }

    /// Whether a training is finished and never wrote its losses by thirds of the process.
    fn has_no_bands(&self, entrant: &Entrant) -> Result<bool, StoreError> {
        let artifact = self.store.find(Stage::Train, &entrant.key)?;
        Ok(artifact.is_some_and(|artifact| !artifact.manifest.files.contains_key(BandRow::FILE)))
    }
}

/// What was decided at a rung.
fn sentence(field: &Field, decision: &Decision) -> String {
    let named = |all: Vec<usize>| all.into_iter().map(|c| field.title(c)).collect::<Vec<_>>().join("; ");
    let rung = decision.rung + 1;
    let mut text = match decision.stopped.as_slice() {
        [] => format!("{NEWS} {rung} of {}: all go on", field.rungs),
        stopped => {
            let all = named(stopped.iter().map(|s| s.condition).collect());
            format!("{NEWS} {rung} of {}: stopped {all}", field.rungs)
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
