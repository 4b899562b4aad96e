//! What differs between two studies.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::record::{JobRecord, Record};
use super::results::{ConditionResult, Results};
use crate::experiment::order;
use crate::plan::change_words;
use crate::stage::{Key, Stage};

/// What differs between two studies, A and B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Whether both do the same work with the same settings and say the same.
    pub same: bool,
    /// The settings that differ, in the order of the defaults file.
    pub settings: Vec<SettingDiff>,
    /// The labels of the cells of each study that the other does not have.
    pub only_cells: [Vec<String>; 2],
    /// The jobs, stage by stage.
    pub stages: Vec<StageDiff>,
    /// The finding; `None` if not both have results.
    pub results: Option<ResultDiff>,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingDiff {
    /// Its dotted name.
    pub key: String,
    /// The values it has in the cells of each study.
    pub values: [Vec<String>; 2],
}

/// The jobs of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageDiff {
    /// The stage.
    pub stage: Stage,
    /// How many jobs both studies have: their results are made once.
    pub shared: usize,
    /// How many jobs only A has.
    pub only_a: usize,
    /// How many jobs only B has.
    pub only_b: usize,
    /// The jobs that only one of the studies has, each with the most similar one of the other study.
    pub differing: Vec<JobDiff>,
}

/// A job that only one study has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobDiff {
    /// What people call it; that of B if both have such a job.
    pub label: String,
    /// Its key in A.
    pub a: Option<Key>,
    /// Its key in B.
    pub b: Option<Key>,
    /// What made the keys differ; empty if only one study has such a job.
    pub because: Vec<String>,
}

/// What the findings say differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultDiff {
    /// What each study judges. Numbers of different measures cannot be compared.
    pub questions: [String; 2],
    /// The best condition of each study.
    pub best: [Option<String>; 2],
    /// Whether it is clearly better than all others.
    pub best_is_clear: [bool; 2],
    /// The conditions whose numbers differ, or that one study does not have.
    pub conditions: Vec<ConditionDiff>,
    /// How many conditions have the same numbers in both.
    pub equal: usize,
}

/// The numbers of a condition in each study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionDiff {
    /// Its name.
    pub title: String,
    /// Its numbers in A.
    pub a: Option<ConditionResult>,
    /// Its numbers in B.
    pub b: Option<ConditionResult>,
}

/// Compares two studies; results count if both have them.
#[must_use]
pub fn diff(a: &Record, b: &Record, results: [Option<&Results>; 2]) -> Diff {
    let settings = settings(a, b);
    let only = |one: &Record, other: &Record| -> Vec<String> {
        let others: BTreeSet<&str> = other.cells.iter().map(|cell| cell.label.as_str()).collect();
        one.cells.iter().map(|cell| cell.label.clone()).filter(|label| !others.contains(label.as_str())).collect()
    };
    let names: BTreeMap<String, String> =
        a.photos.iter().chain(&b.photos).map(|(k, v)| (k.clone(), v.clone())).collect();
    let stages: Vec<StageDiff> = Stage::ALL.into_iter().filter_map(|stage| of_stage(stage, a, b, &names)).collect();
    let [of_a, of_b] = results;
    let results = of_a.zip(of_b).map(|(a, b)| of_results(a, b));
    let only_cells = [only(a, b), only(b, a)];
    let same_results = results.as_ref().is_none_or(|r| r.conditions.is_empty() && r.best[0] == r.best[1]);
    let same = settings.is_empty()
        && only_cells.iter().all(Vec::is_empty)
        && stages.iter().all(|stage| stage.differing.is_empty())
        && same_results;
    Diff { same, settings, only_cells, stages, results }
}

fn settings(a: &Record, b: &Record) -> Vec<SettingDiff> {
    let values = |record: &Record, key: &str| -> Vec<String> {
        let swept = record.cells.iter().filter_map(|cell| cell.settings.get(key));
        let mut values: Vec<String> = Vec::new();
        for value in record.settings.get(key).into_iter().chain(swept) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        values
    };
    let of = |record: &Record| -> BTreeSet<String> {
        record.settings.keys().chain(record.cells.iter().flat_map(|cell| cell.settings.keys())).cloned().collect()
    };
    let keys: BTreeSet<String> = of(a).union(&of(b)).cloned().collect();
    let differing = |key: String| {
        let values = [values(a, &key), values(b, &key)];
        (values[0] != values[1]).then_some(SettingDiff { key, values })
    };
    let mut all: Vec<SettingDiff> = keys.into_iter().filter_map(differing).collect();
    all.sort_by_key(|one| order(&one.key));
    all
}

/// `None` if neither study has the stage.
fn of_stage(stage: Stage, a: &Record, b: &Record, names: &BTreeMap<String, String>) -> Option<StageDiff> {
    let jobs = |record: &'_ Record| -> Vec<JobRecord> {
        record.jobs.iter().filter(|job| job.stage == stage).cloned().collect()
    };
    let (of_a, of_b) = (jobs(a), jobs(b));
    if of_a.is_empty() && of_b.is_empty() {
        return None;
    }
    let without = |jobs: &[JobRecord], other: &[JobRecord]| -> Vec<JobRecord> {
        jobs.iter().filter(|job| !other.iter().any(|o| o.key == job.key)).cloned().collect()
    };
    let (mut only_a, only_b) = (without(&of_a, &of_b), without(&of_b, &of_a));
    let (shared, counts) = (of_a.len() - only_a.len(), (only_a.len(), only_b.len()));
    let mut differing = Vec::new();
    for job in only_b {
        // The most similar one; of several the one with the same name, then the first.
        let distance = |other: &JobRecord| (job.inputs.changes_from(&other.inputs).len(), other.label != job.label);
        let nearest = (0..only_a.len()).min_by_key(|i| distance(&only_a[*i]));
        let old = nearest.map(|i| only_a.remove(i));
        let because = old.as_ref().map_or(Vec::new(), |old| {
            let changes = job.inputs.changes_from(&old.inputs);
            changes.iter().map(|change| change_words(change, names)).collect()
        });
        differing.push(JobDiff { label: job.label, a: old.map(|old| old.key), b: Some(job.key), because });
    }
    differing.extend(only_a.into_iter().map(|job| JobDiff {
        label: job.label,
        a: Some(job.key),
        b: None,
        because: Vec::new(),
    }));
    Some(StageDiff { stage, shared, only_a: counts.0, only_b: counts.1, differing })
}

fn of_results(a: &Results, b: &Results) -> ResultDiff {
    let find = |results: &Results, title: &str| results.conditions.iter().find(|c| c.title == title).cloned();
    let mut titles: Vec<&str> = Vec::new();
    for condition in a.conditions.iter().chain(&b.conditions) {
        if !titles.contains(&condition.title.as_str()) {
            titles.push(&condition.title);
        }
    }
    let pairs =
        titles.iter().map(|title| ConditionDiff { title: (*title).to_owned(), a: find(a, title), b: find(b, title) });
    let comparable = a.question == b.question;
    let (equal, conditions): (Vec<_>, Vec<_>) = pairs.partition(|pair| comparable && pair.a == pair.b);
    ResultDiff {
        questions: [a.question.clone(), b.question.clone()],
        best: [a.best.clone(), b.best.clone()],
        best_is_clear: [a.best_is_clear, b.best_is_clear],
        conditions,
        equal: equal.len(),
    }
}
