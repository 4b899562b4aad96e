//! What cells are called: by the value of the main axis first.

use crate::report::axis;
use crate::report::data::{CellData, Setting, StudyData};
use crate::text;

/// What the study is called.
pub(crate) fn study_title(data: &StudyData) -> &str {
    if data.title.is_empty() { &data.name } else { &data.title }
}

/// The axis along which the columns of the comparison differ: the number of photos if it is swept; steps and strengths
/// only if nothing else is.
pub(crate) fn main_axis(data: &StudyData) -> Option<&str> {
    let all = || data.axes.iter().map(|a| a.key.as_str());
    // A sweep of one value does not distinguish columns.
    let several = || data.axes.iter().filter(|a| a.values.len() > 1).map(|a| a.key.as_str());
    let condition = |key: &&str| !axis::is_repeat(key);
    several()
        .find(|key| axis::counts_photos(key))
        .or_else(|| several().find(|key| condition(key) && !axis::is_slider(key)))
        .or_else(|| several().find(condition))
        .or_else(|| several().next())
        .or_else(|| all().find(condition))
        .or_else(|| all().next())
}

/// A cell's name inside its group: the main axis' value, or everything when it has none.
pub(crate) fn cell_title(data: &StudyData, cell: &CellData) -> String {
    let main = main_axis(data);
    match cell.assignments.iter().find(|s| Some(s.key.as_str()) == main) {
        Some(s) => axis::say(&s.key, &s.value),
        None if cell.assignments.is_empty() => text::count(cell.train_photos.len(), "photo"),
        None => axis::say_all(&cell.assignments),
    }
}

/// A cell's full name, main axis first.
pub(crate) fn full_title(data: &StudyData, cell: &CellData) -> String {
    let others = axis::say_all(other_assignments(data, cell));
    let own = cell_title(data, cell);
    let has_main = cell.assignments.iter().any(|s| Some(s.key.as_str()) == main_axis(data));
    if others.is_empty() || !has_main { own } else { format!("{own}, {others}") }
}

/// The assignments that are not the main axis.
pub(crate) fn other_assignments<'c>(
    data: &'c StudyData,
    cell: &'c CellData,
) -> impl Iterator<Item = &'c Setting> + use<'c> {
    let main = main_axis(data);
    cell.assignments.iter().filter(move |s| Some(s.key.as_str()) != main)
}
