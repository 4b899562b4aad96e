//! The differences of two studies for people and for programs.

use serde_json::{Value, json};

use super::compare::{ConditionDiff, Diff, ResultDiff};
use super::record::Record;
use super::results::{ConditionResult, Number};
use crate::text::{count, measurement, plain_name, plain_text, shortened, table};

/// Values longer than this are cut in the table.
const LONGEST: usize = 60;
/// At most so many jobs of a stage, and cells, are named.
const MOST_NAMED: usize = 12;

/// As tables. `names` is how the user named the two.
#[must_use]
pub fn text(diff: &Diff, names: [&str; 2], records: [&Record; 2]) -> String {
    let mut out = String::new();
    for (letter, (name, record)) in ["A", "B"].iter().zip(names.iter().zip(records)) {
        let (cells, jobs) = (count(record.cells.len(), "cell"), count(record.jobs.len(), "job"));
        out += &format!("{letter}: {} ({}, {cells}, {jobs})\n", plain_name(name), plain_name(&record.name));
    }
    if diff.same {
        return out + "\nBoth are the same study: settings, jobs and results.\n";
    }
    out += &settings(diff);
    for (letter, only) in ["A", "B"].iter().zip(&diff.only_cells) {
        if !only.is_empty() {
            out += &format!("\ncells of {letter} only: {}\n", named(only));
        }
    }
    out += &jobs(diff);
    out += &match &diff.results {
        Some(results) => self::results(results),
        None => "\nResults are not compared: not both studies have a report with finished trainings.\n".to_owned(),
    };
    out
}

/// As one object.
#[must_use]
pub fn json(diff: &Diff, names: [&str; 2], records: [&Record; 2]) -> Value {
    let side = |i: usize| json!({"given": names[i], "name": records[i].name, "title": records[i].title});
    let mut value = json!({"a": side(0), "b": side(1)});
    if let (Some(all), Ok(Value::Object(rest))) = (value.as_object_mut(), serde_json::to_value(diff)) {
        all.extend(rest);
    }
    value
}

fn settings(diff: &Diff) -> String {
    if diff.settings.is_empty() {
        return "\nAll settings are the same.\n".to_owned();
    }
    let mut rows = vec![["setting", "A", "B"].map(str::to_owned).to_vec()];
    for setting in &diff.settings {
        let [a, b] = setting.values.each_ref().map(|values| match values.as_slice() {
            [] => "–".to_owned(),
            values => shortened(&plain_text(&values.join(", ")), LONGEST),
        });
        rows.push(vec![setting.key.clone(), a, b]);
    }
    format!("\n{}", table(&rows))
}

fn jobs(diff: &Diff) -> String {
    let mut rows = vec![["stage", "in both", "A only", "B only", "because"].map(str::to_owned).to_vec()];
    for stage in &diff.stages {
        let mut because: Vec<&str> = Vec::new();
        for reason in stage.differing.iter().flat_map(|job| &job.because) {
            if !because.contains(&reason.as_str()) {
                because.push(reason);
            }
        }
        let more = because.len().saturating_sub(MOST_NAMED);
        because.truncate(MOST_NAMED);
        let mut because = because.join(", ");
        if more > 0 {
            because += &format!(" and {more} more");
        }
        let [shared, a, b] = [stage.shared, stage.only_a, stage.only_b].map(|n| n.to_string());
        rows.push(vec![stage.stage.name().to_owned(), shared, a, b, plain_text(&because)]);
    }
    format!("\n{}", table(&rows))
}

fn results(results: &ResultDiff) -> String {
    let [a, b] = &results.questions;
    if a != b {
        return format!("\nResults cannot be compared: A judges `{a}`, B judges `{b}`.\n");
    }
    let mut out = String::new();
    if !results.conditions.is_empty() {
        let mut rows = vec![["condition", "A", "B"].map(str::to_owned).to_vec()];
        for ConditionDiff { title, a, b } in &results.conditions {
            let name = if title.is_empty() { "all".to_owned() } else { plain_name(title) };
            rows.push(vec![name, condition(a.as_ref()), condition(b.as_ref())]);
        }
        out += &format!("\n{a}, mean and 95 % interval over trainings:\n{}", table(&rows));
        out += "Each interval is that of its own study; nothing here tests A against B.\n";
    }
    if results.equal > 0 {
        out += &format!("\n{} with the same numbers in both\n", count(results.equal, "condition"));
    }
    if results.best[0] != results.best[1] {
        let best = |i: usize| match (&results.best[i], results.best_is_clear[i]) {
            (None, _) => "none".to_owned(),
            (Some(title), true) => format!("{}, clearly", plain_name(title)),
            (Some(title), false) => format!("{}, not clearly", plain_name(title)),
        };
        out += &format!("\nbest condition: A {}; B {}\n", best(0), best(1));
    }
    out
}

fn condition(result: Option<&ConditionResult>) -> String {
    let Some(result) = result else { return "–".to_owned() };
    let Some(Number { mean, low, high }) = result.score else { return "no score".to_owned() };
    let interval = match low.zip(high) {
        Some((low, high)) => format!(" ({} to {})", measurement(low), measurement(high)),
        None => String::new(),
    };
    format!("{}{interval}, n = {}", measurement(mean), result.n)
}

fn named(labels: &[String]) -> String {
    let shown: Vec<String> = labels.iter().take(MOST_NAMED).map(|label| plain_name(label)).collect();
    let more = labels.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join("; ") + &more
}
