//! What stands on a sheet: a column for the base model and for each condition. Trainings that differ only in their
//! seeds are repeats of one condition; the first one with images is shown.

use crate::report::data::{CellData, Group, Setting, StudyData};
use crate::report::naming::axis;
use crate::report::naming::titles;
use crate::report::page::column::Column;
use crate::report::page::layout::Layout;
use crate::report::page::prompt_rows::PromptRows;
use crate::text;

/// Letters of the longest column head; the rest is left out.
const HEAD: usize = 120;

/// A column of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) head: String,
    pub(super) column: Column,
}

/// What stands on the sheets of a study.
pub(super) struct Picked {
    /// The base model before the conditions that it belongs to.
    pub(super) columns: Vec<Shown>,
    /// The rows.
    pub(super) prompts: Vec<PromptRows>,
    /// The largest number of trainings of a condition; only the first is shown.
    pub(super) trainings: usize,
    /// Width and height of the widest image.
    pub(super) image: (u32, u32),
}

/// Picks the columns and the rows; `None` if there is nothing to compare.
pub(super) fn pick(data: &StudyData) -> Option<Picked> {
    let shown = data.cells.iter().flat_map(|c| &c.images).chain(data.baselines.iter().flat_map(|b| &b.images));
    let image = shown.filter(|p| p.group == Group::Prompt).map(|p| (p.width, p.height)).max()?;
    let mut prompts = Layout::new(data, Group::Prompt).prompts;
    prompts.retain(|prompt| !prompt.seeds.is_empty());
    let conditions = conditions(data);
    if prompts.is_empty() || conditions.is_empty() {
        return None;
    }
    let mut columns: Vec<Shown> = Vec::new();
    let mut base = None;
    for cells in &conditions {
        let cell = shown_cell(data, cells);
        if let Some(set) = data.cells[cell].baseline.filter(|set| base != Some(*set)) {
            base = Some(set);
            columns.push(Shown { head: base_head(data, set), column: Column::Baseline(set) });
        }
        columns.push(Shown { head: head(data, cell), column: Column::Cell(cell) });
    }
    let trainings = conditions.iter().map(Vec::len).max().unwrap_or(0);
    Some(Picked { columns, prompts, trainings, image })
}

/// The cells of each condition, in plan order.
fn conditions(data: &StudyData) -> Vec<Vec<usize>> {
    let mut out: Vec<(Vec<&Setting>, Vec<usize>)> = Vec::new();
    for (index, cell) in data.cells.iter().enumerate() {
        let settings = lasting(cell);
        match out.iter_mut().find(|(known, _)| *known == settings) {
            Some((_, cells)) => cells.push(index),
            None => out.push((settings, vec![index])),
        }
    }
    out.into_iter().map(|(_, cells)| cells).collect()
}

/// The settings that tell conditions apart.
fn lasting(cell: &CellData) -> Vec<&Setting> {
    cell.assignments.iter().filter(|s| !axis::is_repeat(&s.key)).collect()
}

fn shown_cell(data: &StudyData, cells: &[usize]) -> usize {
    let with_images = cells.iter().find(|cell| data.cells[**cell].prompt_images() > 0);
    *with_images.unwrap_or(&cells[0])
}

/// A condition's name, without seeds.
fn head(data: &StudyData, cell: usize) -> String {
    let cell = &data.cells[cell];
    let settings: Vec<Setting> = lasting(cell).into_iter().cloned().collect();
    titles::of_settings_or_photos(data, cell, &settings)
}

fn base_head(data: &StudyData, set: usize) -> String {
    match data.baselines.get(set).map(|set| set.label.as_str()) {
        None | Some("") => "base model".to_owned(),
        Some(label) => text::shortened(&format!("base model, {label}"), HEAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn heads(data: &StudyData) -> Vec<String> {
        pick(data).expect("images").columns.into_iter().map(|shown| shown.head).collect()
    }

    #[test]
    fn every_condition_is_a_column_and_seeds_are_none() {
        let mut data = fixture::study();
        assert_eq!(heads(&data), ["base model", "2 photos", "4 photos", "6 photos"]);
        let seed = |value: &str| Setting { key: "train.seed".into(), value: value.into() };
        let cells = std::mem::take(&mut data.cells);
        for cell in cells {
            for value in ["0", "1"] {
                let mut cell = cell.clone();
                cell.assignments.push(seed(value));
                data.cells.push(cell);
            }
        }
        // The first training of a size has no images, the second has.
        data.cells[0].images.clear();
        let picked = pick(&data).expect("images");
        assert_eq!(picked.trainings, 2);
        assert_eq!(heads(&data), ["base model", "2 photos", "4 photos", "6 photos"]);
        assert_eq!([&picked.columns[1].column, &picked.columns[2].column], [&Column::Cell(1), &Column::Cell(2)]);
    }

    #[test]
    fn each_base_model_stands_before_its_conditions() {
        let mut data = fixture::two_axes();
        let mut other = data.baselines[0].clone();
        other.label = "4 photos".into();
        data.baselines.push(other);
        data.cells.iter_mut().enumerate().for_each(|(i, cell)| cell.baseline = Some(i / 2));
        let expected = ["base model", "2 photos, rank 4", "2 photos, rank 16"];
        assert_eq!(heads(&data)[..3], expected);
        assert_eq!(heads(&data)[3..], ["base model, 4 photos", "4 photos, rank 4", "4 photos, rank 16"]);
    }
}
