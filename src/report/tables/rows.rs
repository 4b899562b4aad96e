//! The rows of a table: one for each condition, with its trainings.
//!
//! Other than the conditions of the verdict these include what failed or waits, and settings that matter for the images
//! only have rows of their own.

use crate::measures::verdict::Estimate;
use crate::report::data::{CellData, Setting, StudyData};
use crate::report::finding::{Judged, diverged};
use crate::report::naming::{axis, titles};

/// Cells that differ in their seeds only.
pub(crate) struct Row<'d> {
    /// Its settings in words.
    pub(crate) title: String,
    /// Its trainings, in plan order.
    pub(crate) runs: Vec<Run<'d>>,
    /// Index of the condition of the verdict; `None` if no training of it is there.
    pub(crate) condition: Option<usize>,
    /// Its settings without seeds.
    settings: Vec<Setting>,
}

/// One training of a row.
pub(crate) struct Run<'d> {
    /// What distinguishes it from the others: `training seed 1`. Empty if nothing is repeated.
    pub(crate) title: String,
    /// What came out of it.
    pub(crate) cell: &'d CellData,
    /// Whether it diverged; then it is in no mean.
    pub(crate) diverged: bool,
}

/// The rows of a study, in plan order.
pub(crate) fn rows<'d>(judged: &Judged<'d>) -> Vec<Row<'d>> {
    let data: &'d StudyData = judged.data;
    let mut rows: Vec<Row<'d>> = Vec::new();
    for cell in &data.cells {
        let (seeds, settings): (Vec<&Setting>, Vec<&Setting>) =
            cell.assignments.iter().partition(|s| axis::is_repeat(&s.key));
        let settings: Vec<Setting> = settings.into_iter().cloned().collect();
        let run = Run { title: axis::say_all(seeds), cell, diverged: diverged(cell) };
        let same = |other: &Run<'_>| {
            let key = |cell: &CellData| (cell.train_job.clone(), cell.image_job.clone());
            !cell.train_job.is_empty() && key(other.cell) == key(cell)
        };
        match rows.iter_mut().find(|row| row.settings == settings) {
            // A seed that changes nothing makes no further training.
            Some(row) if row.runs.iter().any(same) => {}
            Some(row) => row.runs.push(run),
            None => {
                let condition = condition(judged, &settings);
                rows.push(Row { title: title(data, cell, &settings), runs: vec![run], condition, settings });
            }
        }
    }
    rows
}

fn title(data: &StudyData, cell: &CellData, settings: &[Setting]) -> String {
    if settings.is_empty() && cell.assignments.is_empty() {
        return titles::cell_title(data, cell);
    }
    let own =
        CellData { assignments: settings.to_vec(), train_photos: cell.train_photos.clone(), ..CellData::default() };
    titles::full_title(data, &own)
}

fn condition(judged: &Judged<'_>, settings: &[Setting]) -> Option<usize> {
    let of_score: Vec<&Setting> = settings.iter().filter(|s| !judged.question.ignores(&s.key)).collect();
    judged.conditions.iter().position(|c| c.settings.iter().any(|own| own.iter().collect::<Vec<_>>() == of_score))
}

impl Row<'_> {
    /// A measure over the trainings that did not diverge.
    pub(crate) fn estimate(&self, name: &str) -> Option<Estimate> {
        self.estimate_of(|cell| cell.value(name))
    }

    /// The same for any number of a cell.
    pub(crate) fn estimate_of(&self, of: impl Fn(&CellData) -> Option<f64>) -> Option<Estimate> {
        Estimate::of(self.sound().filter_map(|run| of(run.cell)))
    }

    /// The trainings that are in means: those that did not diverge, or all where every one did.
    pub(crate) fn sound(&self) -> impl Iterator<Item = &Run<'_>> {
        let all = self.runs.iter().all(|run| run.diverged);
        self.runs.iter().filter(move |run| all || !run.diverged)
    }

    /// How many of its trainings diverged.
    pub(crate) fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.diverged).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn seeds_are_trainings_of_one_row() {
        let data = fixture::with_seeds(&fixture::two_axes(), 3);
        let judged = judged(&data);
        let rows = rows(&judged);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[1].title, "2 photos, rank 16");
        let runs: Vec<&str> = rows[1].runs.iter().map(|run| run.title.as_str()).collect();
        assert_eq!(runs, ["training seed 0", "training seed 1", "training seed 2"]);
        assert_eq!(rows.iter().map(|row| row.condition).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn diverged_trainings_are_in_no_mean() {
        let mut data = fixture::with_seeds(&fixture::two_axes(), 2);
        if let Some(metrics) = &mut data.cells[0].metrics {
            metrics.insert("probe_held_out".into(), 3.0);
        }
        let judged = judged(&data);
        let rows = rows(&judged);
        assert_eq!((rows[0].diverged(), rows[0].estimate("probe_held_out").map(|e| e.n)), (1, Some(1)));
    }

    #[test]
    fn what_failed_has_a_row() {
        let data = fixture::study();
        let judged = judged(&data);
        let rows = rows(&judged);
        let titles: Vec<&str> = rows.iter().map(|row| row.title.as_str()).collect();
        assert_eq!(titles, ["2 photos", "4 photos", "6 photos"]);
        assert_eq!(rows[2].estimate("probe_held_out"), None);
    }
}
