//! The numbers behind the finding.
//!
//! `trainings.csv` is what was judged, `conditions.csv` and `differences.csv` are tables of the verdict, and
//! `verdict.json` is all of it. `tests/report/recompute.py` computes the verdict again from `trainings.csv`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::measures::verdict::{Call, Direction};
use crate::report::error::ReportError;
use crate::report::files::csv::Writer;
use crate::report::files::folder::Folder;

use super::blind;
use super::judged::Judged;
use super::side_effects::{KINDS, heart, side_effect};

/// Writes the files into a report; nothing if no training is there.
pub(crate) fn write(judged: &Judged<'_>, folder: &mut Folder) -> Result<(), ReportError> {
    if judged.conditions.is_empty() {
        return Ok(());
    }
    folder.write("trainings.csv", &trainings(judged))?;
    folder.write("conditions.csv", &conditions(judged))?;
    folder.write("differences.csv", &differences(judged))?;
    folder.write("verdict.json", &verdict(judged))
}

/// One row for each training: its condition, its repeat, its score and what the base model reaches.
fn trainings(judged: &Judged<'_>) -> Vec<u8> {
    let mut out = Writer::new(["cell", "condition", "repeat", "score", "floor", "diverged"]);
    for (c, condition) in judged.conditions.iter().enumerate() {
        for training in &condition.trainings {
            let repeat = judged.repeats.iter().position(|r| *r == training.repeat).unwrap_or_default();
            let label = judged.data.cells.get(training.cell).map_or("", |cell| cell.label.as_str());
            out.row([
                label,
                &c.to_string(),
                &repeat.to_string(),
                &text(training.score),
                &text(training.floor),
                if training.diverged { "1" } else { "0" },
            ]);
        }
    }
    out.bytes()
}

/// One row for each condition.
fn conditions(judged: &Judged<'_>) -> Vec<u8> {
    let mut out = Writer::new([
        "condition",
        "title",
        "n",
        "diverged",
        "mean",
        "low",
        "high",
        "change",
        "change_low",
        "change_high",
        "p_holm",
        "against_base",
        "share",
    ]);
    for (c, v) in judged.verdict.conditions.iter().enumerate() {
        let (score, gain) = (v.score, v.gain);
        let change = gain.map(|g| g.change);
        out.row([
            &*c.to_string(),
            judged.title(c),
            &v.n.to_string(),
            &v.diverged.to_string(),
            &text(score.map(|s| s.mean)),
            &text(score.and_then(|s| s.low)),
            &text(score.and_then(|s| s.high)),
            &text(change.map(|s| s.mean)),
            &text(change.and_then(|s| s.low)),
            &text(change.and_then(|s| s.high)),
            &text(gain.and_then(|g| g.p_holm)),
            gain.map_or("", |g| call(g.call)),
            &text(v.share),
        ]);
    }
    out.bytes()
}

/// One row for each pair of conditions.
fn differences(judged: &Judged<'_>) -> Vec<u8> {
    let mut out = Writer::new(["first", "second", "difference", "se", "df", "low", "high", "p", "p_holm", "first_is"]);
    for d in &judged.verdict.differences {
        out.row([
            &*d.first.to_string(),
            &d.second.to_string(),
            &d.estimate.to_string(),
            &text(d.se),
            &d.df.map(|df| df.to_string()).unwrap_or_default(),
            &text(d.low),
            &text(d.high),
            &text(d.p),
            &text(d.p_holm),
            call(d.call),
        ]);
    }
    out.bytes()
}

/// The text of `verdict.json`.
fn verdict(judged: &Judged<'_>) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(&verdict_json(judged)).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}

/// Everything, as JSON.
pub(super) fn verdict_json(judged: &Judged<'_>) -> Value {
    let axes = (judged.study.axes.iter().enumerate()).map(|(i, axis)| {
        let named = judged.axes.get(i);
        let values = named.map(|a| a.values.clone()).unwrap_or_default();
        json!({ "key": named.map(|a| a.key), "values": values, "levels": axis.levels, "sizes": axis.sizes })
    });
    let conditions =
        (judged.conditions.iter().zip(&judged.study.conditions).enumerate()).map(|(c, (own, of_study))| {
            let effects = KINDS.iter().filter_map(|kind| Some((kind.name, value(side_effect(judged, c, kind)?))));
            let effects: serde_json::Map<String, Value> = effects.map(|(name, v)| (name.to_owned(), v)).collect();
            json!({
                "title": own.title,
                "levels": of_study.levels,
                "learnt_by_heart": heart(judged, c).map(value),
                "side_effects": effects,
            })
        });
    let direction = match judged.study.direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
    };
    json!({
        "question": judged.question.name(),
        "direction": direction,
        "blind": blind::is_blind(judged.data),
        "comparable": judged.comparable,
        "repeats": judged.repeats.len(),
        "span": judged.study.span,
        "axes": axes.collect::<Vec<_>>(),
        "conditions": conditions.collect::<Vec<_>>(),
        "verdict": value(&judged.verdict),
    })
}

/// Plain data as JSON.
fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn text(number: Option<f64>) -> String {
    number.map(|n| n.to_string()).unwrap_or_default()
}

fn call(call: Call) -> &'static str {
    match call {
        Call::Better => "better",
        Call::Worse => "worse",
        Call::NotClear => "not clear",
        Call::Unknown => "",
    }
}
