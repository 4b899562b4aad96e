//! A column of a comparison: what its head says, and what stands in it at a prompt and a seed.

use crate::report::data::{CellData, Group, Picture, Problem, StudyData, find};
use crate::report::naming::choice::{tied, value};
use crate::report::naming::{axis, titles};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// A set of base model images, by index.
    Baseline(usize),
    /// A cell, by index.
    Cell(usize),
    /// No cell has this combination; another one, by index, has its value of the main axis.
    NoCell(usize),
}

/// What the report says where a cell has no such prompt or seed, or no cell has such settings.
pub(crate) const NOT_ASKED: &str = "not asked for in this cell";

/// What stands where a row and a column meet.
pub(crate) enum Slot<'d> {
    /// An image.
    Picture(&'d Picture),
    /// Why there is none.
    Missing(Option<&'d Problem>),
    /// The cell has no such prompt or seed, or there is no such cell.
    NotAsked,
}

impl Column {
    /// The column's head.
    pub(crate) fn title(&self, data: &StudyData) -> String {
        match self {
            Self::Baseline(i) => match data.baselines.get(*i).map(|b| b.label.as_str()) {
                None | Some("") => "baseline".to_owned(),
                Some(label) => format!("baseline, {label}"),
            },
            Self::Cell(i) | Self::NoCell(i) => data.cells.get(*i).map(|c| head(data, c)).unwrap_or_default(),
        }
    }

    /// What stands in this column at a prompt and seed.
    pub(crate) fn slot<'d>(&self, data: &'d StudyData, group: Group, prompt: usize, seed: u64) -> Slot<'d> {
        match self {
            Self::NoCell(_) => Slot::NotAsked,
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

/// A cell's name inside its table: its value of the main axis, and the settings that follow from it.
fn head(data: &StudyData, cell: &CellData) -> String {
    match titles::main_axis(data) {
        // Trainings that differ in their seeds only are chosen, not compared.
        Some(main) if axis::is_repeat(main) => "with LoRA".to_owned(),
        main => {
            let tied = tied(data, main);
            let own = titles::cell_title(data, cell);
            let others =
                cell.assignments.iter().filter(|s| tied.contains(&s.key.as_str()) && !value(cell, main).is_empty());
            let others = axis::say_all(others);
            if others.is_empty() { own } else { format!("{own}, {others}") }
        }
    }
}

/// Whether a cell has that prompt and seed.
fn asked(data: &StudyData, cell: usize, group: Group, prompt: usize, seed: u64) -> bool {
    data.cells.get(cell).is_some_and(|c| c.prompts_of(group).len() > prompt && c.seeds.contains(&seed))
}
