//! Everything that is wrong with an experiment file, told at once.

use std::fmt;

use super::problem::{Problem, Severity};
use super::source::Place;

/// Everything that is wrong, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// At most this many are shown; the others are counted.
    const SHOWN: usize = 30;
    /// After this many the search ends: a file with so many is wrong as a whole, and each one costs time.
    const KEPT: usize = 1000;

    /// Adds one, unless the same was said before.
    pub fn push(&mut self, problem: Problem) {
        if !self.are_full() && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// True if further problems are dropped.
    pub(super) fn are_full(&self) -> bool {
        self.0.len() >= Self::KEPT
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        for problem in other.0 {
            self.push(problem);
        }
    }

    /// True if something keeps the study from running.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    /// The problems, in the order of their place in the files.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut files: Vec<&std::path::Path> = Vec::new();
        let mut keyed: Vec<((usize, usize), &Problem)> = Vec::new();
        for problem in &self.0 {
            let key = match &problem.place {
                Place::File { source, span } => {
                    let file = files.iter().position(|f| *f == source.path).unwrap_or(files.len());
                    if file == files.len() {
                        files.push(&source.path);
                    }
                    (file, span.start)
                }
                Place::Path(_) => (usize::MAX - 1, 0),
                Place::Text(_) => (usize::MAX, 0),
            };
            keyed.push((key, problem));
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, problem)| problem).collect()
    }

    /// The text shown to the user: errors, a blank line between them, without a final line end.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let problems = self.sorted();
        let mut blocks: Vec<String> = problems.iter().take(Self::SHOWN).map(|p| p.render(color)).collect();
        if problems.len() > Self::SHOWN {
            let least = if self.are_full() { "at least " } else { "" };
            blocks.push(format!("… and {least}{} more", problems.len() - Self::SHOWN));
        }
        blocks.join("\n\n")
    }

    /// Takes the warnings out.
    pub(super) fn take_warnings(&mut self) -> Vec<Problem> {
        let warnings = self.sorted().into_iter().filter(|p| p.severity == Severity::Warning).cloned().collect();
        self.0.retain(|p| p.severity == Severity::Error);
        warnings
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
