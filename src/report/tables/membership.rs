//! Which condition a cell belongs to, also where cells share a training.

use crate::report::data::{CellData, Setting};
use crate::report::finding::Judged;
use crate::report::naming::axis;

/// The index of the condition of a cell; `None` if its training is neither finished nor diverged.
pub(crate) fn condition_of(judged: &Judged<'_>, cell: &CellData) -> Option<usize> {
    let counts = |s: &&Setting| !axis::is_repeat(&s.key) && !judged.question.ignores(&s.key);
    let settings: Vec<Setting> = cell.assignments.iter().filter(counts).cloned().collect();
    judged.conditions.iter().position(|condition| condition.settings.contains(&settings))
}

/// What people call a condition; a study of one condition has no name for it.
pub(crate) fn condition_title<'j>(judged: &'j Judged<'_>, condition: usize) -> &'j str {
    match judged.title(condition) {
        "" => "with the adapter",
        title => title,
    }
}
