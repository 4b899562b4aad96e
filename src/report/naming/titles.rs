//! What cells are called: by the value of the main axis first.

use crate::report::data::{CellData, Setting, StudyData};
use crate::report::naming::axis;
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

/// The name of what cells with these settings have in common, main axis first; empty without settings.
pub(crate) fn of_settings(data: &StudyData, cell: &CellData, settings: &[Setting]) -> String {
    if settings.is_empty() { String::new() } else { of_settings_or_photos(data, cell, settings) }
}

/// The same; without settings, the number of photos of the cell.
pub(crate) fn of_settings_or_photos(data: &StudyData, cell: &CellData, settings: &[Setting]) -> String {
    let cell =
        CellData { assignments: settings.to_vec(), train_photos: cell.train_photos.clone(), ..CellData::default() };
    text::shortened(&full_title(data, &cell), 120)
}

/// The assignments that are not the main axis.
pub(crate) fn other_assignments<'c>(
    data: &'c StudyData,
    cell: &'c CellData,
) -> impl Iterator<Item = &'c Setting> + use<'c> {
    let main = main_axis(data);
    cell.assignments.iter().filter(move |s| Some(s.key.as_str()) != main && distinguishes(data, &s.key))
}

/// Whether a setting tells cells apart: a sweep of one value that every cell has would only be repeated in each title.
fn distinguishes(data: &StudyData, key: &str) -> bool {
    let one = data.axes.iter().any(|axis| axis.key == key && axis.values.len() == 1);
    !one || data.cells.iter().any(|cell| cell.assignments.iter().all(|s| s.key != key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Axis;
    use crate::report::fixture;

    #[test]
    fn a_setting_with_one_value_is_in_no_title() {
        let mut data = fixture::two_axes();
        assert_eq!(full_title(&data, &data.cells[0]), "2 photos, rank 4");
        data.axes.push(Axis { key: "train.seed".into(), values: vec!["0".into()] });
        let seed = Setting { key: "train.seed".into(), value: "0".into() };
        data.cells.iter_mut().for_each(|cell| cell.assignments.push(seed.clone()));
        assert_eq!(full_title(&data, &data.cells[0]), "2 photos, rank 4");
        // Where other cells do not have it, it tells them apart.
        data.cells[1].assignments.pop();
        assert_eq!(full_title(&data, &data.cells[0]), "2 photos, rank 4, training seed 0");
        assert_eq!(full_title(&data, &data.cells[1]), "2 photos, rank 16");
    }
}
