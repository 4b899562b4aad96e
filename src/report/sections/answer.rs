//! The answers at the top of the page: four cards, each one sentence, one number, one picture and one link, and the
//! next command.

use maud::{Markup, html};

use super::section::Page;
use super::use_it;
use crate::measures::verdict::Direction;
use crate::report::charts;
use crate::report::data::{CellData, Group, StudyData};
use crate::report::finding::{Answer, NextStep, answers, next_step};
use crate::report::naming::titles;
use crate::report::style::copy;
use crate::report::style::dots::DotRow;
use crate::report::style::markdown;
use crate::report::style::shot::{Of, Shot};
use crate::report::tables::name_test::base_tests;

/// At most so many photos stand on a card.
const PHOTOS: usize = 3;

/// At most so many conditions stand on a card.
const ROWS: usize = 5;

/// The block at the top of the page.
pub(crate) fn block(page: &Page<'_>) -> Markup {
    let (data, answers) = (page.data, answers(page.judged));
    let taken = answers.cell.and_then(|index| Some((index, data.cells.get(index)?)));
    let named = by_name(data).is_some() || !base_tests(data).is_empty();
    html! {
        section id="answer" aria-label="The answers" {
            div.cards {
                (card(&answers.known, &known(data), &link("#name", "Its images and errors by name", named)))
                (card(&answers.bought, &scores(page), &link("#numbers", "All numbers", true)))
                (card(
                    &answers.take,
                    &html! { @if let Some((index, cell)) = taken { (image(data, index, cell)) } },
                    &html! { @if let Some((_, cell)) = taken { (use_it::html(data, cell)) } },
                ))
                (card(&answers.trust, &html! { (held_out(data)) }, &trust_link(data)))
            }
            @if let Some(next) = next_step(page.judged) { (next_html(&next)) }
        }
    }
}

fn card(answer: &Answer, picture: &Markup, link: &Markup) -> Markup {
    html! {
        article.card {
            h2 { (answer.question) }
            p.says { (answer.sentence) }
            @if let Some(number) = &answer.number {
                p.number {
                    b { (number.value) } " " span { (number.of) }
                    @if !number.interval.is_empty() { small { (number.interval) } }
                }
            }
            div.picture { (picture) }
            (link)
            @if !answer.more.is_empty() {
                ul.more { @for line in &answer.more { li { (line) } } }
            }
        }
    }
}

/// The score of each condition; of many, the best ones.
fn scores(page: &Page<'_>) -> Markup {
    let Some(mut plot) = charts::score(page.judged) else { return Markup::default() };
    let all = plot.rows.len();
    if all > ROWS {
        let sign = match plot.direction {
            Direction::Higher => -1.0,
            Direction::Lower => 1.0,
        };
        let place = |row: &DotRow| row.mean.map_or(f64::INFINITY, |mean| mean * sign);
        plot.rows.sort_by(|a, b| place(a).total_cmp(&place(b)));
        plot.rows.truncate(ROWS);
        plot.title += &format!(": the best {ROWS} of {all}");
    }
    plot.svg()
}

/// A link to a section of the page, if it is there.
fn link(to: &str, text: &str, there: bool) -> Markup {
    html! { @if there { p.to { a href=(to) { (text) } } } }
}

fn trust_link(data: &StudyData) -> Markup {
    let problems = data.cells.iter().any(|cell| !cell.problems.is_empty());
    if problems {
        link("#problems", "What is missing and why", true)
    } else {
        link("#photos", "All photos", !data.photos.is_empty())
    }
}

/// The base model's image of the name, with the index of its set.
fn by_name(data: &StudyData) -> Option<(usize, &crate::report::data::Picture)> {
    let of = |(index, set): (usize, &'_ crate::report::data::ImageSet)| {
        set.images.iter().position(|p| p.group == Group::Baseline).map(|place| (index, place))
    };
    let (index, place) = data.baselines.iter().enumerate().find_map(of)?;
    Some((index, data.baselines.get(index)?.images.get(place)?))
}

/// The base model's image of the name, or of the first prompt, beside a photo of the subject.
fn known(data: &StudyData) -> Markup {
    let first = data.baselines.iter().enumerate().find_map(|(index, set)| Some((index, set.images.first()?)));
    let image = by_name(data).or(first);
    let photo = data.cells.iter().find_map(|c| c.held_out_photos.first().or(c.train_photos.first())).copied();
    html! {
        ul.faces data-set="known" {
            @if let Some((index, picture)) = image {
                li {
                    (Shot::generated(picture, Of::Baseline(index), "base model").markup())
                    small { "base model" }
                }
            }
            @if let Some(index) = photo { (one_photo(data, index, "the real one")) }
        }
    }
}

/// The first image of a cell.
fn image(data: &StudyData, index: usize, cell: &CellData) -> Markup {
    let picture = cell.images.iter().find(|p| p.group == Group::Prompt);
    let title = titles::full_title(data, cell);
    html! {
        @if let Some(picture) = picture {
            ul.faces data-set="taken" {
                li {
                    (Shot::generated(picture, Of::Cell(index), &title).markup())
                    small { "with this file" }
                }
            }
        }
    }
}

/// Photos that no training of the first cell saw.
fn held_out(data: &StudyData) -> Markup {
    let photos = data.cells.iter().map(|cell| &cell.held_out_photos).find(|photos| !photos.is_empty());
    html! {
        @if let Some(photos) = photos {
            ul.faces data-set="unseen" {
                @for index in photos.iter().take(PHOTOS) { (one_photo(data, *index, "held out")) }
            }
        }
    }
}

fn one_photo(data: &StudyData, index: usize, what: &str) -> Markup {
    let shot = data.photos.get(index).and_then(|photo| Shot::photo(index, photo, format!("photo {}", photo.name)));
    html! {
        @if let Some(shot) = shot {
            li { (shot.markup()) small { (what) } }
        }
    }
}

fn next_html(next: &NextStep) -> Markup {
    html! {
        div.next {
            p { b { "Next: " } (next.why) }
            @if let Some(command) = &next.command { (copy::code(command)) }
        }
    }
}

/// The answers as Markdown.
pub(crate) fn text(page: &Page<'_>) -> String {
    let answers = answers(page.judged);
    let mut blocks: Vec<String> = answers.all().into_iter().map(of_answer).collect();
    if let Some(cell) = answers.cell.and_then(|index| page.data.cells.get(index)) {
        // It belongs to the third answer.
        blocks.insert(3, use_it::text(page.data, cell));
    }
    if let Some(next) = next_step(page.judged) {
        let command = next.command.map(|command| format!("\n\n{}", markdown::code(&command))).unwrap_or_default();
        blocks.push(format!("**Next:** {}{command}", markdown::prose(&next.why)));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n")
}

fn of_answer(answer: &Answer) -> String {
    let number = answer.number.as_ref().map(|number| format!(" *{}*", markdown::prose(&number.text())));
    let more: Vec<String> = answer.more.iter().map(|line| format!("\n- {}", markdown::prose(line))).collect();
    let more = if more.is_empty() { String::new() } else { format!("\n{}", more.concat()) };
    format!("**{}** {}{}{more}", answer.question, markdown::prose(&answer.sentence), number.unwrap_or_default())
}
