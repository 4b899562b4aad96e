//! All conditions, the best score first.

use maud::{Markup, html};

use crate::measures::verdict::Direction;
use crate::report::finding::{Judged, Standing, none_told_apart, standing};
use crate::report::naming::axis;
use crate::report::naming::links::chosen;
use crate::report::naming::words::{number_or_dash, sortable};
use crate::report::style::markdown;
use crate::text::measurement;

/// Fewer conditions need no filter.
const FILTERED: usize = 8;
/// Why no condition is marked.
const ALIKE: &str = "No condition can be told from the best one: the order may be chance.";

/// The ranking.
pub(crate) fn html(judged: &Judged<'_>) -> Markup {
    let order = order(judged);
    let known = order.iter().any(|c| standing(judged, *c).is_some());
    html! {
        @if order.len() >= FILTERED {
            p.filter hidden {
                label { "Only rows with the words " input type="search" data-filter="ranking"; }
                output aria-live="polite" data-count="ranking" {}
            }
        }
        @if none_told_apart(judged) { p { (ALIKE) } }
        div.scroll.plain tabindex="0" role="group" aria-label="Ranking" {
            table.numbers.sortable id="ranking" {
                thead { tr {
                    @if judged.axes.is_empty() { th scope="col" data-sort="text" { "condition" } }
                    @for axis in &judged.axes { th scope="col" data-sort="text" { (axis::name(axis.key)) } }
                    th.n scope="col" data-sort=(best_first(judged)) { (judged.question.noun()) small { "mean" } }
                    th.n scope="col" data-sort="up" { "95\u{a0}% interval" small { "sorted by its width" } }
                    th.n scope="col" data-sort=(best_first(judged)) { "against the base model" }
                    th.n scope="col" data-sort="down" { "trainings" }
                    @if known { th scope="col" data-sort="text" { "against the best" } }
                    th scope="col" { "images" }
                } }
                tbody { @for condition in order { (row(judged, condition, known)) } }
            }
        }
    }
}

fn row(judged: &Judged<'_>, condition: usize, known: bool) -> Markup {
    let verdict = &judged.verdict.conditions[condition];
    let levels = &judged.study.conditions[condition].levels;
    let interval = verdict.score.and_then(|s| s.low.zip(s.high));
    let change = verdict.gain.map(|gain| gain.change.mean);
    let standing = standing(judged, condition);
    let values = judged.axes.iter().zip(levels);
    let settings: Vec<(&str, &str)> =
        values.filter_map(|(axis, level)| Some((axis.key, *axis.values.get(*level)?))).collect();
    let words = format!("{} {}", judged.title(condition), standing.map_or("", Standing::word));
    html! {
        tr data-words=(words) {
            @if judged.axes.is_empty() { th scope="row" { span.name { (judged.title(condition)) } } }
            @for (i, axis) in judged.axes.iter().enumerate() {
                @let level = levels.get(i).copied().unwrap_or_default();
                @let title = axis.values.get(level).copied().unwrap_or_default();
                // Numbers sort as numbers.
                @let number = axis.values.get(level).and_then(|value| value.parse::<f64>().ok());
                @if i == 0 { th scope="row" data-v=[number] { span.name { (title) } } }
                @else { td data-v=[number] { (title) } }
            }
            td.n data-v=[verdict.score.map(|s| sortable(s.mean))] { (number_or_dash(verdict.score.map(|s| s.mean))) }
            td.n data-v=[interval.map(|(low, high)| sortable(high - low))] {
                @match interval {
                    Some((low, high)) => { (measurement(low)) " to " (measurement(high)) },
                    None => "–",
                }
            }
            td.n data-v=[change.map(sortable)] { (change.map_or_else(|| "–".to_owned(), signed)) }
            td.n data-v=(verdict.n) {
                (verdict.n)
                @if verdict.diverged > 0 { small.over { (verdict.diverged) " diverged" } }
            }
            @if known {
                td class=[standing.filter(|s| *s != Standing::Worse).map(|_| "good")] {
                    (standing.map_or("–", Standing::word))
                }
            }
            td {
                a href="#images" data-t=(chosen(judged.data, &settings))
                    aria-label={ "look at the images of " (judged.title(condition)) } { "look" }
            }
        }
    }
}

/// The ranking as text.
pub(crate) fn text(judged: &Judged<'_>) -> String {
    let head = ["condition", judged.question.noun(), "95 % interval", "trainings", "against the best"];
    let rows = order(judged).into_iter().map(|condition| {
        let verdict = &judged.verdict.conditions[condition];
        let interval = verdict.score.and_then(|s| s.low.zip(s.high));
        vec![
            markdown::escape(judged.title(condition)),
            number_or_dash(verdict.score.map(|s| s.mean)),
            interval.map_or_else(|| "–".to_owned(), |(l, h)| format!("{} to {}", measurement(l), measurement(h))),
            verdict.n.to_string(),
            standing(judged, condition).map_or("–", Standing::word).to_owned(),
        ]
    });
    let table = markdown::table(&head, &["---", "---:", "---:", "---:", "---"], rows);
    if none_told_apart(judged) { format!("{ALIKE}\n\n{table}") } else { table }
}

/// The conditions, the best score first; those without a score last.
fn order(judged: &Judged<'_>) -> Vec<usize> {
    let sign = judged.study.direction.sign();
    let score = |c: usize| judged.verdict.conditions[c].score.map_or(f64::NEG_INFINITY, |s| s.mean * sign);
    let mut order: Vec<usize> = (0..judged.conditions.len()).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    order
}

/// The direction in which the best stands on top.
fn best_first(judged: &Judged<'_>) -> &'static str {
    match judged.study.direction {
        Direction::Higher => "down",
        Direction::Lower => "up",
    }
}

fn signed(change: f64) -> String {
    let sign = if change > 0.0 {
        "+"
    } else if change < 0.0 {
        "−"
    } else {
        "±"
    };
    format!("{sign}{}", measurement(change.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn the_best_stands_first_and_is_marked_only_if_it_is_clear() {
        let data = fixture::two_axes();
        let one = judged(&data);
        assert_eq!(order(&one), [2, 3, 0, 1]);
        assert!(!html(&one).into_string().contains("best"), "one training of each");
        let data = fixture::with_seeds(&data, 3);
        let three = judged(&data);
        let page = html(&three).into_string();
        assert!(page.contains("among the best") && page.contains("worse than the best"), "{page}");
        assert!(text(&three).contains("| 4 photos, rank 4 |"), "{}", text(&three));
    }
}
