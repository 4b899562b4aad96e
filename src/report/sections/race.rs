//! What the race stopped, when and why, and how much it saved.

use maud::html;

use super::section::{Page, Section};
use crate::choice::RaceMeasure;
use crate::report::data::{Race, RaceStop};
use crate::report::style::markdown;
use crate::text::{count, measurement};

/// What must be known of a race.
fn rule(race: &Race) -> String {
    let measure = if race.measure.is_empty() { RaceMeasure::HeldOutLoss.title() } else { race.measure.as_str() };
    format!(
        "At each rung all trainings that are still in the race are compared by their {measure}. A condition that is \
         behind the best one by more than chance makes, after correction for all pairs and all rungs, is stopped, \
         unless it comes nearer so quickly that it may be ahead at the end. Its trainings are not finished, so they \
         count nowhere else in this report: nothing here says how good they would have become."
    )
}

/// `None` without a race.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let race = page.data.race.as_ref()?;
    let summary = summary(race);
    let html = html! {
        h2 { "The race" }
        p { (summary) }
        @if !race.stopped.is_empty() {
            div.scroll.plain {
                table {
                    thead { tr { @for head in HEADS { th scope="col" { (head) } } } }
                    tbody {
                        @for stop in &race.stopped {
                            @let [first, rest @ ..] = row(stop);
                            tr { th scope="row" { (first) } @for text in rest { td { (text) } } }
                        }
                    }
                }
            }
        }
        @for kept in &race.kept { p { (kept) } }
        p.soft { (rule(race)) }
    };
    let mut lines = vec![format!("## The race\n\n{}", markdown::prose(&summary))];
    if !race.stopped.is_empty() {
        let line = |cells: &[String]| {
            format!("| {} |", cells.iter().map(|c| markdown::escape(c)).collect::<Vec<_>>().join(" | "))
        };
        let mut table = vec![line(&HEADS.map(str::to_owned)), "|---|---|---|---|---|".to_owned()];
        table.extend(race.stopped.iter().map(|stop| line(&row(stop))));
        lines.push(table.join("\n"));
    }
    lines.extend(race.kept.iter().map(|kept| markdown::prose(kept)));
    lines.push(markdown::prose(&rule(race)));
    Some(Section { id: "race", title: "Race", html, markdown: lines.join("\n\n") })
}

const HEADS: [&str; 5] = ["stopped", "after", "behind the best by", "corrected p", "best then"];

fn row(stop: &RaceStop) -> [String; 5] {
    let finished = match stop.finished {
        0 => String::new(),
        n => format!(", {n} of {} trainings are finished", stop.trainings),
    };
    let interval = match stop.low.zip(stop.high) {
        Some((low, high)) => format!(" ({} to {})", measurement(low), measurement(high)),
        None => String::new(),
    };
    [
        stop.condition.clone(),
        format!("step {} of {}{finished}", stop.step, stop.steps),
        format!("{}{interval}", measurement(stop.behind)),
        measurement(stop.p),
        stop.best.clone(),
    ]
}

fn summary(race: &Race) -> String {
    let rungs = count(race.rungs, "rung");
    let mut text = match race.decided {
        decided if decided < race.rungs => format!("{decided} of {rungs} decided so far. "),
        _ => String::new(),
    };
    text += &match race.stopped.len() {
        0 => "No condition was stopped.".to_owned(),
        n => {
            let share = race.saved as f64 / race.steps.max(1) as f64 * 100.0;
            format!(
                "{} stopped, which saved {} of {} training steps ({share:.0}\u{a0}%).",
                if n == 1 { "1 condition was".to_owned() } else { format!("{n} conditions were") },
                race.saved,
                race.steps
            )
        }
    };
    if race.incomparable {
        text += " At some rung the trainings could not be compared: they are not measured on the same photos in the \
                 same way.";
    }
    text
}
