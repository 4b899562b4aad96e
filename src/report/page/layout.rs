//! How the cells become tables of images: columns along the main axis, one table for each combination of the other
//! settings, rows by prompt and seed. The page and `grid.png` share it.

use std::collections::BTreeSet;

use super::column::Column;
use super::prompt_rows::{PromptRows, prompt_rows};
use crate::report::data::{CellData, Group, StudyData};
use crate::report::naming::choice::{Choice, choices, value};
use crate::report::naming::{axis, titles};

/// The tables of a comparison, and what their rows are.
pub(crate) struct Layout {
    /// What distinguishes the tables; none if there is one table.
    pub(crate) choices: Vec<Choice>,
    /// At least one, unless there is no cell.
    pub(crate) tables: Vec<Table>,
    /// Rows by prompt.
    pub(crate) prompts: Vec<PromptRows>,
}

/// The cells of one combination of choices.
pub(crate) struct Table {
    /// The chosen value of each choice, by index.
    pub(crate) at: Vec<usize>,
    /// A baseline, and at most one column for each value of the main axis.
    pub(crate) columns: Vec<Column>,
}

impl Layout {
    /// Tables and rows for the images of one group.
    pub(crate) fn new(data: &StudyData, group: Group) -> Self {
        let choices = choices(data);
        Self { tables: tables(data, &choices), choices, prompts: prompt_rows(data, group) }
    }
}

/// One table for each combination of the choices. Tables that differ in sliders only have the same columns.
fn tables(data: &StudyData, choices: &[Choice]) -> Vec<Table> {
    let at = |cell: &CellData| -> Vec<usize> { choices.iter().map(|c| c.of(cell)).collect() };
    let slider: Vec<bool> = choices.iter().map(|c| axis::is_slider(&c.key)).collect();
    let fixed = |at: &[usize]| -> Vec<usize> {
        at.iter().zip(&slider).filter(|(_, slider)| !**slider).map(|(value, _)| *value).collect()
    };
    let places: Vec<Vec<usize>> = data.cells.iter().map(at).collect();
    let mut wanted: BTreeSet<Vec<usize>> = BTreeSet::new();
    for place in &places {
        // A slider must find a table at each of its places.
        let mut all = vec![Vec::new()];
        for (i, value) in place.iter().enumerate() {
            let values = if slider[i] { 0..choices[i].labels.len() } else { *value..value + 1 };
            all = all
                .iter()
                .flat_map(|start: &Vec<usize>| {
                    values.clone().map(|value| start.iter().copied().chain([value]).collect())
                })
                .collect();
        }
        wanted.extend(all);
    }
    let main = titles::main_axis(data).filter(|key| !axis::is_repeat(key));
    let table = |at: Vec<usize>| {
        // The first cell of every column that tables with these tabs have.
        let mut columns: Vec<usize> = Vec::new();
        for cell in (0..places.len()).filter(|c| fixed(&places[*c]) == fixed(&at)) {
            if !columns.iter().any(|c| value(&data.cells[*c], main) == value(&data.cells[cell], main)) {
                columns.push(cell);
            }
        }
        let same =
            |c: &usize, like: usize| places[*c] == at && value(&data.cells[*c], main) == value(&data.cells[like], main);
        // Values may be told alike, as folders of the same name: their cells stand side by side.
        let columns = columns.into_iter().flat_map(|like| {
            let own: Vec<Column> = (0..places.len()).filter(|c| same(c, like)).map(Column::Cell).collect();
            if own.is_empty() { vec![Column::NoCell(like)] } else { own }
        });
        Table { columns: with_baselines(data, columns), at }
    };
    wanted.into_iter().map(table).collect()
}

/// Each baseline stands before the columns that use it.
fn with_baselines(data: &StudyData, columns: impl Iterator<Item = Column>) -> Vec<Column> {
    let mut out: Vec<Column> = Vec::new();
    for column in columns {
        let (Column::Cell(cell) | Column::NoCell(cell) | Column::Baseline(cell)) = column;
        if let Some(set) = data.cells.get(cell).and_then(|c| c.baseline)
            && !out.contains(&Column::Baseline(set))
        {
            out.push(Column::Baseline(set));
        }
        out.push(column);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::{Axis, Setting};
    use crate::report::fixture;
    use crate::report::page::column::Slot;

    /// The study with further axes: each cell once for each combination of their values.
    fn with_axes(mut data: StudyData, axes: &[(&str, &[&str])]) -> StudyData {
        for (key, values) in axes {
            let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
            let cells = std::mem::take(&mut data.cells);
            data.cells = cells
                .into_iter()
                .flat_map(|cell| {
                    values.clone().into_iter().map(move |value| {
                        let mut cell = cell.clone();
                        cell.assignments.push(Setting { key: (*key).into(), value });
                        cell
                    })
                })
                .collect();
            data.axes.push(Axis { key: (*key).into(), values });
        }
        data
    }

    fn titles(data: &StudyData, table: &Table) -> Vec<String> {
        table.columns.iter().map(|c| c.title(data)).collect()
    }

    #[test]
    fn one_axis_gives_one_table_with_the_baseline_first() {
        let data = fixture::study();
        let layout = Layout::new(&data, Group::Prompt);
        assert!(layout.choices.is_empty());
        let [table] = layout.tables.as_slice() else { panic!("one table") };
        assert_eq!(titles(&data, table), ["baseline", "2 photos", "4 photos", "6 photos"]);
        assert_eq!(layout.prompts.len(), 2);
        assert_eq!(layout.prompts[0].seeds, [0, 1]);
    }

    #[test]
    fn no_table_has_more_columns_than_one_axis_and_the_baseline() {
        let axes: [(&str, &[&str]); 5] = [
            ("generate.lora_scale", &["1.3", "0.5", "1.0"]),
            ("train.rank", &["4", "16"]),
            ("train.seed", &["7", "8", "9"]),
            ("generate.checkpoint", &["60", "120"]),
            ("train.learning_rate", &["0.1"]),
        ];
        let data = with_axes(fixture::study(), &axes);
        let layout = Layout::new(&data, Group::Prompt);
        let keys: Vec<&str> = layout.choices.iter().map(|c| c.key.as_str()).collect();
        assert_eq!(keys, ["train.rank", "train.seed", "generate.lora_scale", "generate.checkpoint"]);
        assert_eq!(layout.tables.len(), 2 * 3 * 3 * 2);
        let mut cells: Vec<usize> = Vec::new();
        for table in &layout.tables {
            assert_eq!(titles(&data, table), ["baseline", "2 photos", "4 photos", "6 photos"]);
            cells.extend(table.columns.iter().filter_map(|c| match c {
                Column::Cell(i) => Some(*i),
                _ => None,
            }));
        }
        cells.sort_unstable();
        assert_eq!(cells, (0..data.cells.len()).collect::<Vec<_>>(), "each cell stands in one table");
        // Sliders go by number and begin where a training ends, at full strength.
        assert_eq!(layout.choices[2].labels, ["0.5", "1.0", "1.3"]);
        assert_eq!([layout.choices[2].first, layout.choices[3].first], [1, 1]);
        assert_eq!(layout.choices[1].labels, ["1 of 3", "2 of 3", "3 of 3"]);
    }

    #[test]
    fn seeds_alone_are_a_choice_and_no_columns() {
        let mut data = fixture::study();
        data.axes.clear();
        data.cells.truncate(1);
        data.cells[0].assignments.clear();
        let data = with_axes(data, &[("train.seed", &["0", "1"])]);
        let layout = Layout::new(&data, Group::Prompt);
        assert_eq!(layout.tables.len(), 2);
        assert_eq!(titles(&data, &layout.tables[1]), ["baseline", "with LoRA"]);
    }

    #[test]
    fn a_setting_that_follows_the_main_axis_stands_in_its_heads() {
        let mut data = fixture::study();
        data.axes.push(Axis { key: "train.steps".into(), values: vec!["10".into(), "20".into(), "30".into()] });
        for (cell, steps) in data.cells.iter_mut().zip(["10", "20", "30"]) {
            cell.assignments.push(Setting { key: "train.steps".into(), value: steps.into() });
        }
        let layout = Layout::new(&data, Group::Prompt);
        assert_eq!(layout.tables.len(), 1);
        assert_eq!(layout.tables[0].columns[2].title(&data), "4 photos, steps 20");
    }

    #[test]
    fn a_step_that_no_cell_has_is_not_asked() {
        let mut data = with_axes(fixture::two_axes(), &[("generate.checkpoint", &["60", "120"])]);
        // Size 4, rank 16 is kept after step 60 only.
        data.cells.pop();
        let layout = Layout::new(&data, Group::Prompt);
        let table = layout.tables.iter().find(|t| t.at == [1, 1]).expect("rank 16, step 120");
        assert_eq!(titles(&data, table), ["baseline", "2 photos", "4 photos"]);
        assert!(matches!(table.columns[2], Column::NoCell(_)));
        assert!(matches!(table.columns[2].slot(&data, Group::Prompt, 0, 0), Slot::NotAsked));
        assert!(matches!(table.columns[1].slot(&data, Group::Prompt, 0, 0), Slot::Picture(_)));
    }

    #[test]
    fn cells_that_are_told_alike_stand_side_by_side() {
        let mut data = fixture::study();
        data.cells.iter_mut().for_each(|cell| cell.assignments[0].value = "photos".into());
        let layout = Layout::new(&data, Group::Prompt);
        assert_eq!(layout.tables[0].columns[1..], [Column::Cell(0), Column::Cell(1), Column::Cell(2)]);
    }

    #[test]
    fn several_baselines_stand_before_their_cells() {
        let mut data = fixture::two_axes();
        let mut other = data.baselines[0].clone();
        other.label = "rank 16".into();
        data.baselines.push(other);
        // The rank changes the baseline: each table has its own.
        for (i, cell) in data.cells.iter_mut().enumerate() {
            cell.baseline = Some(i % 2);
        }
        let layout = Layout::new(&data, Group::Prompt);
        let baselines: Vec<&Column> = layout.tables.iter().map(|t| &t.columns[0]).collect();
        assert_eq!(baselines, [&Column::Baseline(0), &Column::Baseline(1)]);
        assert!(layout.tables.iter().all(|t| t.columns.len() == 3));
        // The number of photos changes it: both stand in each table.
        for (i, cell) in data.cells.iter_mut().enumerate() {
            cell.baseline = Some(i / 2);
        }
        let layout = Layout::new(&data, Group::Prompt);
        let columns = [Column::Baseline(0), Column::Cell(0), Column::Baseline(1), Column::Cell(2)];
        assert_eq!(layout.tables[0].columns, columns);
    }
}
