//! How the cells become rows and columns: columns along the main axis, other axes as groups of
//! columns, rows by prompt and seed. The page and `grid.png` share it.

use std::collections::BTreeSet;

use crate::report::data::{Group, Picture, Problem, StudyData, find};
use crate::report::{axis, titles};

/// Columns and rows of a comparison grid.
pub(crate) struct Layout {
    /// Groups of columns, in plan order.
    pub(crate) groups: Vec<ColumnGroup>,
    /// Rows by prompt.
    pub(crate) prompts: Vec<PromptRows>,
}

/// Columns that share the values of every axis but the main one.
pub(crate) struct ColumnGroup {
    /// What they share; empty if there is nothing else to say.
    pub(crate) title: String,
    /// At least one.
    pub(crate) columns: Vec<Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// A set of base model images, by index.
    Baseline(usize),
    /// A cell, by index.
    Cell(usize),
}

/// One prompt with its seeds.
pub(crate) struct PromptRows {
    /// Position in the list of prompts.
    pub(crate) index: usize,
    /// Its wording, or all wordings where those of the cells differ.
    pub(crate) prompt: String,
    /// Every seed any cell uses.
    pub(crate) seeds: Vec<u64>,
}

/// What the report says where a cell has no such prompt or seed.
pub(crate) const NOT_ASKED: &str = "not asked for in this cell";

/// What stands where a row and a column meet.
pub(crate) enum Slot<'d> {
    /// An image.
    Picture(&'d Picture),
    /// Why there is none.
    Missing(Option<&'d Problem>),
    /// The cell has no such prompt or seed.
    NotAsked,
}

impl Layout {
    /// Rows and columns for the images of one group.
    pub(crate) fn new(data: &StudyData, group: Group) -> Self {
        Self { groups: column_groups(data), prompts: prompt_rows(data, group) }
    }

    /// All columns, group after group.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.groups.iter().flat_map(|g| &g.columns)
    }
}

impl Column {
    /// The column's head.
    pub(crate) fn title(&self, data: &StudyData) -> String {
        match self {
            Self::Baseline(i) => match data.baselines.get(*i).map(|b| b.label.as_str()) {
                None | Some("") => "baseline".to_owned(),
                Some(label) => format!("baseline, {label}"),
            },
            Self::Cell(i) => data.cells.get(*i).map(|c| titles::cell_title(data, c)).unwrap_or_default(),
        }
    }

    /// What stands in this column at a prompt and seed.
    pub(crate) fn slot<'d>(&self, data: &'d StudyData, group: Group, prompt: usize, seed: u64) -> Slot<'d> {
        match self {
            Self::Baseline(i) => {
                let set = data.baselines.get(*i);
                match set.and_then(|s| find(&s.images, group, prompt, seed)) {
                    Some(p) => Slot::Picture(p),
                    None if !set.is_some_and(|s| s.cells.iter().any(|c| asked(data, *c, group, prompt, seed))) => {
                        Slot::NotAsked
                    }
                    None => Slot::Missing(set.and_then(|s| s.problem.as_ref())),
                }
            }
            Self::Cell(i) => {
                let cell = data.cells.get(*i);
                match cell.and_then(|c| c.picture(group, prompt, seed)) {
                    Some(p) => Slot::Picture(p),
                    None if !asked(data, *i, group, prompt, seed) => Slot::NotAsked,
                    None => Slot::Missing(cell.and_then(|c| c.problems.first())),
                }
            }
        }
    }
}

/// Whether a cell has that prompt and seed.
fn asked(data: &StudyData, cell: usize, group: Group, prompt: usize, seed: u64) -> bool {
    data.cells.get(cell).is_some_and(|c| c.prompts_of(group).len() > prompt && c.seeds.contains(&seed))
}

fn column_groups(data: &StudyData) -> Vec<ColumnGroup> {
    let mut groups: Vec<ColumnGroup> = Vec::new();
    for (index, cell) in data.cells.iter().enumerate() {
        let title = axis::say_all(titles::other_assignments(data, cell));
        match groups.iter_mut().find(|g| g.title == title) {
            Some(group) => group.columns.push(Column::Cell(index)),
            None => groups.push(ColumnGroup { title, columns: vec![Column::Cell(index)] }),
        }
    }
    add_baselines(data, &mut groups);
    groups
}

/// A baseline that all cells share stands first, on its own. Otherwise each stands before the cells that use it.
fn add_baselines(data: &StudyData, groups: &mut Vec<ColumnGroup>) {
    if data.baselines.len() == 1 {
        match groups.as_mut_slice() {
            [only] => only.columns.insert(0, Column::Baseline(0)),
            _ => groups.insert(0, ColumnGroup { title: String::new(), columns: vec![Column::Baseline(0)] }),
        }
        return;
    }
    for group in groups {
        let mut shown = None;
        let mut columns = Vec::with_capacity(group.columns.len() + 1);
        for column in group.columns.drain(..) {
            if let Column::Cell(i) = column {
                let baseline = data.cells.get(i).and_then(|c| c.baseline);
                if let Some(b) = baseline.filter(|b| shown != Some(*b)) {
                    columns.push(Column::Baseline(b));
                    shown = Some(b);
                }
            }
            columns.push(column);
        }
        group.columns = columns;
    }
}

fn prompt_rows(data: &StudyData, group: Group) -> Vec<PromptRows> {
    let mut rows: Vec<PromptRows> = Vec::new();
    let mut wordings: Vec<BTreeSet<&String>> = Vec::new();
    for cell in &data.cells {
        for (index, prompt) in cell.prompts_of(group).iter().enumerate() {
            if rows.len() == index {
                rows.push(PromptRows { index, prompt: prompt.clone(), seeds: Vec::new() });
                wordings.push(BTreeSet::new());
            }
            if wordings[index].insert(prompt) && wordings[index].len() > 1 {
                let both = format!("{} / {prompt}", rows[index].prompt);
                rows[index].prompt = both;
            }
            for seed in &cell.seeds {
                if !rows[index].seeds.contains(seed) {
                    rows[index].seeds.push(*seed);
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn one_axis_gives_one_group_with_the_baseline_first() {
        let data = fixture::study();
        let layout = Layout::new(&data, Group::Prompt);
        let titles: Vec<_> = layout.columns().map(|c| c.title(&data)).collect();
        assert_eq!(titles, ["baseline", "2 photos", "4 photos", "6 photos"]);
        assert_eq!(layout.groups.len(), 1);
        assert_eq!(layout.prompts.len(), 2);
        assert_eq!(layout.prompts[0].seeds, [0, 1]);
    }

    #[test]
    fn other_axes_become_groups() {
        let data = fixture::two_axes();
        let layout = Layout::new(&data, Group::Prompt);
        let titles: Vec<_> = layout.groups.iter().map(|g| g.title.as_str()).collect();
        assert_eq!(titles, ["", "rank 4", "rank 16"]);
        assert_eq!(titles::full_title(&data, &data.cells[1]), "2 photos, rank 16");
    }

    #[test]
    fn several_baselines_stand_before_their_cells() {
        let mut data = fixture::two_axes();
        let mut other = data.baselines[0].clone();
        other.label = "rank 16".into();
        data.baselines.push(other);
        for (i, cell) in data.cells.iter_mut().enumerate() {
            cell.baseline = Some(i % 2);
        }
        let layout = Layout::new(&data, Group::Prompt);
        assert_eq!(layout.groups[0].columns[0], Column::Baseline(0));
        assert_eq!(layout.groups[1].columns[0], Column::Baseline(1));
        assert_eq!(layout.groups.len(), 2);
    }
}
