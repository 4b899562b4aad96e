//! Another study beside this one.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::verdict::{ConditionVerdict, Direction, Estimate};
use crate::report::data::{CellData, StudyData};
use crate::report::finding::Judged;
use crate::report::naming::titles;
use crate::report::style::markdown;
use crate::report::style::shot::{Of, Shot};
use crate::report::tables::compare::{CellPair, Difference, differences, pairs, photos, shown};
use crate::text::{self, count, measurement};

/// What differs, the scores of both, and images of the same prompt and seed; `None` without another study.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let (one, other) = (page.judged, page.other?);
    let different = differences(one.data, other.data);
    let names = titles(one.data, other.data);
    let (pairs, left) = shown(pairs(one.data, other.data));
    let html = html! {
        h2 { "Compared with another study" }
        p { "This study is “" bdi { (names[0]) } "”, the other one is “" bdi { (names[1]) } "”." }
        h3 { "Settings that differ" }
        (settings(&different))
        h3 { "Scores" }
        p { (paired(one, other)) }
        (scores(one, other))
        h3 { "Images of the same prompt and seed" }
        (images(one.data, other.data, &pairs, left))
    };
    let markdown = text(one, other, &different);
    Some(Section { id: "compare", title: "Compared", html, markdown })
}

/// The titles of the two studies, or their names if they have one title.
fn titles<'a>(one: &'a StudyData, other: &'a StudyData) -> [&'a str; 2] {
    let titles = [one, other].map(titles::study_title);
    if titles[0] == titles[1] { [&one.name, &other.name] } else { titles }
}

fn settings(different: &[Difference]) -> Markup {
    if different.is_empty() {
        return html! { p { "No setting differs." } };
    }
    html! {
        div.scroll.plain tabindex="0" role="group" aria-label="Settings that differ" {
            table {
                thead {
                    tr { th scope="col" { "setting" } th scope="col" { "this study" } th scope="col" { "the other" } }
                }
                tbody {
                    @for difference in different {
                        tr {
                            th scope="row" { code { (difference.key) } }
                            @for value in &difference.values { td { (said(value)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A value that may be as long as a prompt.
fn said(value: &Option<String>) -> String {
    value.as_deref().map_or_else(|| "not set".to_owned(), |value| text::shortened(value, 300))
}

/// Whether the scores of the two may be held against each other.
fn paired(one: &Judged<'_>, other: &Judged<'_>) -> String {
    if one.question != other.question {
        return format!(
            "The two studies are judged by different numbers, the {} here and the {} there: their scores cannot be \
             compared.",
            one.question.noun(),
            other.question.noun()
        );
    }
    let held_out = |judged: &Judged<'_>| -> Vec<String> {
        photos(judged.data, |cell: &CellData| &cell.held_out_photos).into_iter().map(str::to_owned).collect()
    };
    let photos = held_out(one);
    let better = match one.question.direction() {
        Direction::Higher => "Higher is better.",
        Direction::Lower => "Lower is better.",
    };
    let number = one.question.noun();
    if photos != held_out(other) || photos.is_empty() {
        return format!(
            "The number is the {number}. {better} The two studies do not hold out the same photos, so they are not \
             paired: a difference may come from the photos."
        );
    }
    let photos = count(photos.len(), "photo");
    if same_anchor(one, other) {
        return format!(
            "The number is the {number} on the same {photos} that neither study trains on, measured in the same way. \
             {better} No test is made of the difference: intervals that do not overlap are a hint, and one study with \
             both settings in its sweep gives an answer."
        );
    }
    format!(
        "The number is the {number}. {better} Both studies hold out the same {photos} and measure them in different \
         ways (another base model, resolution or noise), so the scores cannot be compared directly."
    )
}

/// Whether both studies measure the same photos in the same way.
fn same_anchor(one: &Judged<'_>, other: &Judged<'_>) -> bool {
    let anchors = |judged: &Judged<'_>| -> Vec<f64> {
        judged.conditions.iter().flat_map(|c| &c.trainings).filter_map(|training| training.anchor).collect()
    };
    let (own, others) = (anchors(one), anchors(other));
    let near = |a: &f64, b: &f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
    own.iter().any(|a| others.iter().any(|b| near(a, b)))
}

/// One row for each condition of both studies.
fn scores(one: &Judged<'_>, other: &Judged<'_>) -> Markup {
    html! {
        div.scroll.plain tabindex="0" role="group" aria-label="Scores of both studies" {
            table {
                thead {
                    tr {
                        th scope="col" { "study" }
                        th scope="col" { "settings" }
                        th.n scope="col" { "trainings" }
                        th.n scope="col" { (score_name(one, other)) small { "mean" } }
                        th.n scope="col" { "95 % interval" small { "of the mean" } }
                    }
                }
                tbody {
                    @for (study, judged) in [("this study", one), ("the other", other)] {
                        @for row in rows(judged, one.question != other.question) {
                            tr {
                                th scope="row" { (study) }
                                @for (index, field) in row.iter().enumerate() {
                                    td class=[(index > 0).then_some("n")] { (field) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What both scores are, if they are the same.
fn score_name(one: &Judged<'_>, other: &Judged<'_>) -> &'static str {
    if one.question == other.question { one.question.noun() } else { "score" }
}

/// Title, number of trainings, mean and interval of each condition. The mean says what it is of, if it is `named`.
fn rows(judged: &Judged<'_>, named: bool) -> Vec<[String; 4]> {
    let row = |(index, verdict): (usize, &ConditionVerdict)| {
        let title = match judged.title(index) {
            "" => "all cells".to_owned(),
            title => title.to_owned(),
        };
        let noun = if named { format!(" ({})", judged.question.noun()) } else { String::new() };
        let mean = verdict.score.map_or_else(|| "–".to_owned(), |score| measurement(score.mean) + &noun);
        [title, verdict.n.to_string(), mean, verdict.score.as_ref().map_or_else(|| "–".to_owned(), interval)]
    };
    let rows: Vec<_> = judged.verdict.conditions.iter().enumerate().map(row).collect();
    if rows.is_empty() {
        vec![["nothing is trained yet".to_owned(), "0".into(), "–".into(), "–".into()]]
    } else {
        rows
    }
}

fn interval(score: &Estimate) -> String {
    match (score.low, score.high) {
        (Some(low), Some(high)) => format!("{} to {}", measurement(low), measurement(high)),
        _ => "one training has none".to_owned(),
    }
}

fn images(one: &StudyData, other: &StudyData, pairs: &[CellPair<'_>], left: usize) -> Markup {
    if pairs.is_empty() {
        return html! { p { "No image of the two studies has the same prompt and the same seed." } };
    }
    html! {
        @if left > 0 { p { (count(left, "more pair")) " are not shown." } }
        div.scroll tabindex="0" role="group" aria-label="Images of both studies" {
            table.grid data-set="compare" style="--n:2" {
                thead {
                    tr {
                        th scope="col" { "seed" }
                        th scope="col" { "this study" }
                        th scope="col" { "the other study" }
                    }
                }
                @for pair in pairs {
                    @let names = [titles::full_title(one, pair.one), titles::full_title(other, pair.other)];
                    tbody {
                        tr {
                            th.prompt scope="rowgroup" colspan="3" {
                                bdi { (names[0]) }
                                @if names[0] != names[1] { " beside " bdi { (names[1]) } }
                            }
                        }
                        @for (a, b) in &pair.images {
                            tr {
                                th.seed scope="row" { (a.seed) }
                                td {
                                    (Shot::generated(a, Of::Cell(pair.at.0), &names[0]).markup())
                                    small.soft { (text::shortened(&a.prompt, 120)) }
                                }
                                td { (Shot::generated(b, Of::Other(pair.at.1), &names[1]).markup()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn text(one: &Judged<'_>, other: &Judged<'_>, different: &[Difference]) -> String {
    let settings = different.iter().map(|d| {
        let [a, b] = d.values.each_ref().map(|value| markdown::escape(&said(value)));
        vec![markdown::escape(&d.key), a, b]
    });
    let settings = match different.is_empty() {
        true => "No setting differs.".to_owned(),
        false => markdown::table(&["setting", "this study", "the other"], &["---", "---", "---"], settings),
    };
    let rows = [("this study", one), ("the other", other)].into_iter().flat_map(|(study, judged)| {
        let row = move |fields: [String; 4]| {
            std::iter::once(study.to_owned()).chain(fields.map(|field| markdown::escape(&field))).collect::<Vec<_>>()
        };
        rows(judged, one.question != other.question).into_iter().map(row)
    });
    let head = ["study", "settings", "trainings", "mean", "95 % interval"];
    let scores = markdown::table(&head, &["---", "---", "---:", "---:", "---:"], rows);
    let [a, b] = titles(one.data, other.data).map(markdown::escape);
    format!(
        "## Compared with another study\n\nThis study is “{a}”, the other one is “{b}”.\n\n{settings}\n\n{}\n\n\
         {scores}",
        paired(one, other)
    )
}
