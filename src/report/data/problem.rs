//! Why something is missing.

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// What the reason of a training that diverged says: its loss or its gradients are no numbers any more. The store keeps
/// reasons as words, so this is the one place that reads a kind out of them.
const DIVERGED: &str = "is not finite";

/// What the reason of a training begins with that the race stopped.
const RACED: &str = crate::plan::race::STOPPED;

/// Why something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stage that has no result.
    pub stage: Stage,
    /// `true`: it was tried and failed; `false`: it has not been run.
    pub failed: bool,
    /// One or two sentences.
    pub reason: String,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It has not been run.
    Waiting,
    /// The race stopped it.
    Raced,
    /// The training left what a training can be; to try again changes nothing.
    Diverged,
    /// Anything else that can fail; to try again may help.
    Failed,
}

impl Problem {
    /// What kind of problem it is.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        match self.failed {
            false if self.reason.starts_with(RACED) => ProblemKind::Raced,
            false => ProblemKind::Waiting,
            true if self.stage == Stage::Train && self.reason.contains(DIVERGED) => ProblemKind::Diverged,
            true => ProblemKind::Failed,
        }
    }

    /// The optimizer step at which a training ended, if its reason begins with it. Steps count from 1, so one less is
    /// done.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        let rest = self.reason.strip_prefix("step ").or_else(|| self.reason.strip_prefix("Step "))?;
        rest.split(':').next()?.parse().ok().filter(|step| *step > 0)
    }

    /// The reason without the step.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self.step() {
            Some(_) => self.reason.split_once(": ").map_or(&*self.reason, |(_, cause)| cause),
            None => &self.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::TrainingError;

    #[test]
    fn a_training_that_diverged_is_known_by_its_error() {
        let error = TrainingError::NonFinite { step: 17, quantity: "loss", culprit: "look at the rate".into() };
        let problem = |stage, failed, reason: &str| Problem { stage, failed, reason: reason.to_owned() };
        let diverged = problem(Stage::Train, true, &error.to_string());
        assert_eq!(diverged.kind(), ProblemKind::Diverged);
        assert_eq!((diverged.step(), diverged.cause()), (Some(17), "the loss is not finite; look at the rate"));
        assert_eq!(problem(Stage::Train, true, "no space left").kind(), ProblemKind::Failed);
        assert_eq!(problem(Stage::Generate, true, "a value is not finite").kind(), ProblemKind::Failed);
        assert_eq!(problem(Stage::Train, false, "not run yet").kind(), ProblemKind::Waiting);
        let other = problem(Stage::Train, true, "no space left: 3 bytes");
        assert_eq!((other.step(), other.cause()), (None, "no space left: 3 bytes"));
    }
}
