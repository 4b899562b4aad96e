//! The finding alone, without the report around it: for a terminal and for programs.

use serde_json::{Value, json};

use crate::report::data::StudyData;
use crate::text::plain_text;

use super::answer::Answer;
use super::answers::answers;
use super::files::verdict_json;
use super::judged::judged;
use super::next_step::next_step;

/// The four answers and the next step as text, ends with a line end.
#[must_use]
pub fn finding_text(data: &StudyData) -> String {
    let judged = judged(data);
    let mut out = String::new();
    for answer in answers(&judged).all() {
        out += &format!("{}\n  {}\n", answer.question, answer.sentence);
        if let Some(number) = &answer.number {
            out += &format!("  {}\n", number.text());
        }
        answer.more.iter().for_each(|more| out += &format!("  {more}\n"));
    }
    if let Some(step) = next_step(&judged) {
        out += &format!("What next?\n  {}\n", step.why);
        step.command.iter().for_each(|command| out += &format!("  {command}\n"));
    }
    plain_text(&out)
}

/// The same as one object, with everything that stands in `verdict.json`.
#[must_use]
pub fn finding_json(data: &StudyData) -> Value {
    let judged = judged(data);
    let answers = answers(&judged);
    let names = ["known", "bought", "take", "trust"];
    let all: serde_json::Map<String, Value> =
        names.into_iter().zip(answers.all()).map(|(name, answer)| (name.to_owned(), answer_json(answer))).collect();
    let step = next_step(&judged).map(|step| json!({"why": step.why, "command": step.command}));
    let trained = data.cells.iter().filter(|cell| cell.trained).count();
    json!({
        "name": data.name,
        "cells": data.cells.len(),
        "trained": trained,
        "answers": all,
        "take_cell": answers.cell.and_then(|cell| data.cells.get(cell)).map(|cell| &cell.label),
        "next_step": step,
        "verdict": (!judged.conditions.is_empty()).then(|| verdict_json(&judged)),
    })
}

fn answer_json(answer: &Answer) -> Value {
    let number = answer.number.as_ref();
    json!({
        "question": answer.question,
        "sentence": answer.sentence,
        "number": number.map(|n| json!({"value": n.value, "of": n.of, "interval": n.interval})),
        "more": answer.more,
    })
}
