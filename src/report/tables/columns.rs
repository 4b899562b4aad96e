//! The columns of the main table: the few numbers that most readers want, in groups. All others stand in the table of
//! all measures.

use crate::measures::{Measure, table};
use crate::report::data::{CellData, StudyData};
use crate::report::finding::{leak, says_nothing};

/// A heading with its columns.
pub(crate) struct Group {
    /// The heading.
    pub(crate) head: &'static str,
    /// At least one.
    pub(crate) columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// What it shows.
    pub(crate) measure: &'static Measure,
    /// Its name; no other column has the same.
    pub(crate) head: &'static str,
    /// A few words below it.
    pub(crate) below: &'static str,
}

/// The name of a measure, its head and the words below.
type Named = (&'static str, &'static str, &'static str);

/// For each group the columns, and for each column measures of which the first that has numbers is shown.
const GROUPS: [(&str, &[&[Named]]); 4] = [
    (
        "subject",
        &[&[("identity", "likeness", "cosine, ↑ better")], &[("identity_share", "way to photos", "0 base – 1 photos")]],
    ),
    ("prompt", &[&[("prompt_following", "prompt followed", "CLIP-T, ↑ better")]]),
    (
        "denoising loss",
        &[
            &[("probe_held_out", "on unseen photos", "↓ better")],
            &[("probe_train", "on training photos", "alone: by heart")],
        ],
    ),
    (
        "side effects",
        &[
            &[
                ("copying_gap", "copying", "gap, ↓ better"),
                ("max_nearest_similarity", "nearest photo", "largest similarity"),
            ],
            &[
                ("leak", "leak into the class", "0 none – 1 overwritten"),
                ("drift_rmse", "drift", "of other prompts, ↓ better"),
            ],
            &[
                ("feature_variety", "variety", "share of the base model’s"),
                ("variety", "variety", "between seeds, 0–1"),
            ],
        ],
    ),
];

/// The groups that have numbers, the one with the question's score first.
pub(crate) fn groups(data: &StudyData, question: &str) -> Vec<Group> {
    let column = |named: &&[Named]| {
        // What a blind encoder measures would look as if it meant something.
        let has_number = |name: &str| !says_nothing(data, name) && data.cells.iter().any(|c| c.value(name).is_some());
        let shown = named.iter().find(|(name, ..)| has_number(name))?;
        let measure = table::of_cells().find(|measure| measure.name == shown.0)?;
        Some(Column { measure, head: shown.1, below: shown.2 })
    };
    let group = |(head, columns): &(&'static str, &'static [&'static [Named]])| Group {
        head,
        columns: columns.iter().filter_map(column).collect(),
    };
    let mut groups: Vec<Group> = GROUPS.iter().map(group).filter(|group| !group.columns.is_empty()).collect();
    groups.sort_by_key(|group| !group.columns.iter().any(|column| column.measure.name == question));
    groups
}

impl Column {
    /// The number of a cell.
    pub(crate) fn value(&self, cell: &CellData) -> Option<f64> {
        match self.measure.name {
            "leak" => leak(cell),
            name => cell.value(name),
        }
    }

    /// What the base model reaches.
    pub(crate) fn floor(&self, cell: &CellData) -> Option<f64> {
        cell.value(self.measure.floor?)
    }

    /// What real photos reach.
    pub(crate) fn ceiling(&self, cell: &CellData) -> Option<f64> {
        self.measure.ceiling.iter().find_map(|name| cell.value(name))
    }

    /// What it says and which value is the better one.
    pub(crate) fn meaning(&self) -> String {
        meaning(self.measure)
    }
}

/// What a measure says and which value is the better one.
pub(crate) fn meaning(measure: &Measure) -> String {
    [measure.note, measure.better.sentence()].join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::collections::BTreeSet;

    #[test]
    fn every_column_is_a_measure_of_cells() {
        let names = GROUPS.iter().flat_map(|(_, columns)| columns.iter().flat_map(|named| named.iter()));
        for (name, ..) in names {
            assert!(table::of_cells().any(|measure| measure.name == *name), "{name}");
        }
    }

    #[test]
    fn heads_are_unique_and_the_question_stands_first() {
        let data = fixture::study();
        let groups = groups(&data, "probe_held_out");
        assert_eq!(groups[0].columns[0].measure.name, "probe_held_out");
        let heads: Vec<&str> = groups.iter().flat_map(|group| &group.columns).map(|column| column.head).collect();
        assert_eq!(heads.iter().collect::<BTreeSet<_>>().len(), heads.len(), "{heads:?}");
        assert!(!heads.contains(&"likeness"), "no encoder, no likeness");
        assert!(heads.len() <= 9, "{heads:?}");
    }
}
