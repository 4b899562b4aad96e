//! The four answers at the top of a report.

use super::answer::Answer;
use super::bought::bought;
use super::judged::Judged;
use super::known::known;
use super::take::take;
use super::trust::trust;

/// The answers, in the order of the page.
pub(crate) struct Answers {
    /// Did it know the subject?
    pub(crate) known: Answer,
    /// What did each condition buy?
    pub(crate) bought: Answer,
    /// Which file do I take?
    pub(crate) take: Answer,
    /// The index of the cell whose file that is.
    pub(crate) cell: Option<usize>,
    /// Can I trust it?
    pub(crate) trust: Answer,
}

impl Answers {
    /// All four.
    pub(crate) fn all(&self) -> [&Answer; 4] {
        [&self.known, &self.bought, &self.take, &self.trust]
    }
}

/// Answers what a study is asked.
pub(crate) fn answers(judged: &Judged<'_>) -> Answers {
    let (take, cell) = take(judged);
    Answers { known: known(judged), bought: bought(judged), take, cell, trust: trust(judged) }
}
