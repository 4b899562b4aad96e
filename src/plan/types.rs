//! What a plan consists of.

use super::race::Field;
use crate::{
    experiment::Settings,
    stage::{ByStage, Inputs, Key, Stage},
};
use std::collections::BTreeMap;

/// Everything a study will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Name of the study and of its report folder.
    pub name: String,
    /// Title of the report.
    pub title: String,
    /// The name of the experiment file, without its folder; for commands that a report proposes.
    pub file: String,
    /// The combinations, in grid order.
    pub cells: Vec<Cell>,
    /// The pieces of work, each once: a job stands after the jobs it needs, in the order cells need them.
    pub jobs: Vec<Job>,
    /// What the photos are called, by content hash; for messages only.
    pub photo_names: BTreeMap<String, String>,
    /// What the user should know before trusting the results, each a plain sentence; told by plan, run and report.
    pub notices: Vec<String>,
    /// The race between its conditions, if there is one.
    pub race: Option<Field>,
}

/// One combination of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What people call it, e.g. `dataset.size=5`.
    pub label: String,
    /// Safe as a folder name.
    pub slug: String,
    /// The settings it differs in, by dotted name.
    pub assignments: Vec<(String, toml::Value)>,
    /// All its settings.
    pub settings: Settings,
    /// Content hashes of the photos it trains on, in order.
    pub train_photos: Vec<String>,
    /// Content hashes of the photos no cell trains on, in order.
    pub held_out_photos: Vec<String>,
    /// Its jobs, as indices into [`Plan::jobs`].
    pub jobs: ByStage<usize>,
}

/// One piece of work, shared by all cells that need the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which kind of work.
    pub stage: Stage,
    /// Key of its inputs.
    pub key: Key,
    /// Everything its result depends on; what the worker is given.
    pub inputs: Inputs,
    /// Indices of the jobs whose results it reads, all smaller than its own.
    pub needs: Vec<usize>,
    /// Indices of the cells that need it.
    pub cells: Vec<usize>,
    /// What people call it: the cell's label, `all cells`, or what its cells have in common.
    pub label: String,
}

impl Plan {
    /// The plan of some of its cells, by index; jobs keep their order and labels.
    #[must_use]
    pub fn only(self, selected: &[usize]) -> Self {
        let Self { name, title, file, cells, jobs, photo_names, notices, race } = self;
        // A part of the conditions would decide otherwise than all of them.
        let race = race.filter(|_| (0..cells.len()).all(|index| selected.contains(&index)));
        let mut new_cell = BTreeMap::new();
        let mut new_job = BTreeMap::new();
        let chosen = |index: &usize| selected.contains(index);
        for (index, _) in cells.iter().enumerate().filter(|(index, _)| chosen(index)) {
            new_cell.insert(index, new_cell.len());
        }
        let mut kept = Vec::new();
        for (index, mut job) in jobs.into_iter().enumerate() {
            job.cells = job.cells.iter().filter_map(|cell| new_cell.get(cell).copied()).collect();
            if job.cells.is_empty() {
                continue;
            }
            job.needs = job.needs.iter().filter_map(|need| new_job.get(need).copied()).collect();
            new_job.insert(index, kept.len());
            kept.push(job);
        }
        let renumber = |mut cell: Cell| {
            cell.jobs = cell.jobs.iter().filter_map(|(stage, job)| Some((stage, *new_job.get(job)?))).collect();
            cell
        };
        let cells = cells.into_iter().enumerate().filter(|(index, _)| chosen(index)).map(|(_, cell)| renumber(cell));
        Self { name, title, file, cells: cells.collect(), jobs: kept, photo_names, notices, race }
    }
}
