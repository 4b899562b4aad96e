//! What a race did, from the decisions in the store.

use crate::plan::Plan;
use crate::plan::race::{self, Course, Field, KeptBecause};
use crate::report::data::{Race, RaceStop};
use crate::store::Store;

/// The course of a study's race; `None` without one.
pub(super) fn course<'p>(plan: &'p Plan, store: &Store) -> Option<(&'p Field, Course)> {
    let field = plan.race.as_ref()?;
    Some((field, race::stored(field, store)))
}

/// Why a job is not made: the race stopped it.
pub(super) fn why(race: Option<&(&Field, Course)>, job: usize) -> Option<String> {
    let (field, course) = race?;
    course.why(field, field.entrant(job)?)
}

/// What the race did. `finished` says whether a job has a result all the same.
pub(super) fn race(race: Option<&(&Field, Course)>, finished: &dyn Fn(usize) -> bool) -> Option<Race> {
    let (field, course) = race?;
    let mut out = Race {
        measure: if field.measure.is_default() { String::new() } else { field.measure.title().to_owned() },
        rungs: field.rungs,
        decided: course.decisions.len(),
        steps: field.entrants.iter().map(|entrant| entrant.steps).sum(),
        ..Race::default()
    };
    for decision in &course.decisions {
        out.level = decision.level;
        out.incomparable |= !decision.comparable;
        for stopped in &decision.stopped {
            let own: Vec<usize> = field.of_condition(stopped.condition).collect();
            let open = |e: &&usize| !finished(field.entrants[**e].job);
            out.saved += own
                .iter()
                .filter(open)
                .map(|e| &field.entrants[*e])
                .map(|entrant| entrant.steps - entrant.rungs[decision.rung])
                .sum::<u64>();
            let Some(first) = own.first().map(|e| &field.entrants[*e]) else { continue };
            out.stopped.push(RaceStop {
                condition: field.title(stopped.condition),
                step: first.rungs[decision.rung],
                steps: first.steps,
                trainings: own.len(),
                finished: own.len() - own.iter().filter(open).count(),
                best: decision.best.map(|best| field.title(best)).unwrap_or_default(),
                behind: stopped.behind,
                low: stopped.low,
                high: stopped.high,
                p: stopped.p,
            });
        }
        out.kept.extend(decision.kept.iter().map(|kept| {
            let (title, rung) = (field.title(kept.condition), decision.rung + 1);
            match &kept.because {
                KeptBecause::CatchesUp => format!("{title} was behind at rung {rung}, but came nearer quickly."),
                KeptBecause::OnlyOneOf(value) => {
                    format!("{title} was behind at rung {rung}, but is the only one left with {value}.")
                }
            }
        }));
    }
    Some(out)
}
