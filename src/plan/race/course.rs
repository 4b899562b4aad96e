//! The course of a race: rung after rung, as far as decisions are there.

use super::curve::Progress;
use super::decide::decide;
use super::decision::{self, Decision, NOTES};
use super::field::Field;
use crate::stage::Stage;
use crate::store::{Store, StoreError};

/// What the reason of a training begins with that a race stopped.
pub const STOPPED: &str = "stopped by the race";

/// How far a race is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The decisions so far, one for each rung.
    pub decisions: Vec<Decision>,
}

impl Course {
    /// The conditions that are still in the race.
    #[must_use]
    pub fn alive(&self, field: &Field) -> Vec<usize> {
        (0..field.conditions.len()).filter(|c| self.stopped_at(*c).is_none()).collect()
    }

    /// The decision that stopped a condition.
    #[must_use]
    pub fn stopped_at(&self, condition: usize) -> Option<&Decision> {
        self.decisions.iter().find(|d| d.stopped.iter().any(|s| s.condition == condition))
    }

    /// The next rung, if there is one.
    #[must_use]
    pub fn next_rung(&self, field: &Field) -> Option<usize> {
        Some(self.decisions.len()).filter(|rung| *rung < field.rungs)
    }

    /// Takes over the next decision if the store has it. `failed` says of which trainings nothing more will come.
    pub fn follow(&mut self, field: &Field, store: &Store, failed: &dyn Fn(usize) -> bool) -> bool {
        let Some(rung) = self.next_rung(field) else { return false };
        let name = decision::name(field, rung, &self.alive(field), failed);
        let found = Decision::stored(store, &name, field, rung);
        let there = found.is_some();
        self.decisions.extend(found);
        there
    }

    /// Decides at the next rung and stores it. `shown` has an entry for each training of the field.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn decide(
        &mut self,
        field: &Field,
        store: &Store,
        failed: &dyn Fn(usize) -> bool,
        shown: &[Option<Progress>],
    ) -> Result<(), StoreError> {
        let Some(rung) = self.next_rung(field) else { return Ok(()) };
        let alive = self.alive(field);
        let decision = decide(field, rung, &alive, shown);
        let text = serde_json::to_vec(&decision).unwrap_or_default();
        store.write_note(NOTES, &decision::name(field, rung, &alive, failed), &text)?;
        self.decisions.push(decision);
        Ok(())
    }

    /// In one sentence, why a training does not go on; `None` if it does.
    #[must_use]
    pub fn why(&self, field: &Field, entrant: usize) -> Option<String> {
        let condition = field.entrants[entrant].condition;
        let decision = self.stopped_at(condition)?;
        let stopped = decision.stopped.iter().find(|s| s.condition == condition)?;
        let step = field.entrants[entrant].rungs[decision.rung];
        let best = decision.best.map(|best| field.title(best)).unwrap_or_default();
        Some(format!(
            "{STOPPED} at step {step} of {}: its {} was {} above that of {best}, which is more than chance makes \
             (corrected p {})",
            field.entrants[entrant].steps,
            field.measure.title(),
            crate::text::measurement(stopped.behind),
            crate::text::measurement(stopped.p)
        ))
    }
}

/// The course of a race as the store has it.
#[must_use]
pub fn stored(field: &Field, store: &Store) -> Course {
    let mut course = Course::default();
    let has_failed = |e: usize| {
        let key = &field.entrants[e].key;
        !store.artifact_dir(Stage::Train, key).is_dir() && matches!(store.failure(Stage::Train, key), Ok(Some(_)))
    };
    while course.follow(field, store, &|_| false) || course.follow(field, store, &has_failed) {}
    course
}
