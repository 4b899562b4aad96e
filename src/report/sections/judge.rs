//! The blind test by eye: which of two images looks more like the subject? The script draws the pairs; votes that were
//! read back from a file are counted here.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::wilson::Share;
use crate::report::finding::{Judged, Question};
use crate::report::style::markdown;
use crate::report::tables::eye::{Eye, Pair, Who, eye};
use crate::report::tables::membership::condition_title;
use crate::text::count;

/// What a count of votes means.
const READING: &str = "These are votes of one person's eye. n counts votes about images, not trainings: many votes \
                       make sure what is seen in these images, and say nothing about a training with another seed.";
/// What is asked.
const ASKED: &str = "Two images of the same prompt on the same noise, without names, in random order, beside real \
                     photos of the subject: which one looks more like it?";

/// The test, with the votes of a file; `None` where there are no two images to compare.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let (data, judged) = (page.data, page.judged);
    let trained = judged.conditions.iter().flat_map(|c| c.cells(data)).any(|cell| cell.prompt_images() > 0);
    if !trained {
        return None;
    }
    let eye = eye(judged);
    let html = html! {
        h2 { "Judge by eye" }
        p { (ASKED) }
        noscript { p.soft { "The test needs JavaScript. Everything else on this page does not." } }
        div id="judge-test" hidden {}
        @if !data.votes.is_empty() {
            h3 { "Votes from the file" }
            (table(judged, &eye))
            @for sentence in sentences(judged, &eye) { p { (sentence) } }
        }
    };
    let markdown = if data.votes.is_empty() { String::new() } else { text(judged, &eye) };
    Some(Section { id: "judge", title: "By eye", html, markdown })
}

fn who<'j>(judged: &'j Judged<'_>, who: Who) -> &'j str {
    match who {
        Who::Base => "base model",
        Who::Condition(index) => condition_title(judged, index),
    }
}

/// The heads of the table's columns.
const COLUMNS: [&str; 5] = ["preferred", "to", "how often", "95 % interval", "no difference"];

fn row(judged: &Judged<'_>, pair: &Pair) -> [String; 5] {
    let [first, second] = pair.sides.map(|side| who(judged, side).to_owned());
    let (often, interval) = match pair.preferred() {
        Some(share) => (format!("{} of {}", share.count, share.n), range(&share)),
        None => ("–".to_owned(), "–".to_owned()),
    };
    [first, second, often, interval, pair.equal.to_string()]
}

/// `47 to 87 %`
fn range(share: &Share) -> String {
    format!("{:.0} to {:.0}\u{a0}%", share.low * 100.0, share.high * 100.0)
}

fn table(judged: &Judged<'_>, eye: &Eye) -> Markup {
    html! {
        div.scroll.plain tabindex="0" role="group" aria-label="Votes of the file" {
            table {
                thead { tr {
                    @for (i, column) in COLUMNS.iter().enumerate() {
                        th.n[i > 1] scope="col" { (column) }
                    }
                } }
                tbody { @for pair in &eye.pairs {
                    @let [first, second, often, interval, equal] = row(judged, pair);
                    tr {
                        th scope="row" { (first) }
                        td { (second) }
                        td.n { (often) }
                        td.n { (interval) }
                        td.n { (equal) }
                    }
                } }
            }
        }
    }
}

/// What the votes mean, and how far the measures agree with them.
fn sentences(judged: &Judged<'_>, eye: &Eye) -> Vec<String> {
    let mut sentences = vec![READING.to_owned()];
    let measure = match judged.question {
        Question::Identity => "the likeness of the images",
        Question::HeldOut | Question::Train => "the denoising loss of the trainings",
    };
    sentences.push(match &eye.agreement {
        Some(share) => format!(
            "The eye and the measure agree in {} of {} votes that prefer one image ({:.0}\u{a0}%, 95\u{a0}% interval \
             {}): there {measure} says the same. Half would be chance.",
            share.count,
            share.n,
            share.share * 100.0,
            range(share)
        ),
        None => format!("No vote prefers one of two images that {measure} tells apart, so the two are not compared."),
    });
    if eye.left_out > 0 {
        sentences.push(format!(
            "{} not counted: {} about images that this report does not show, or shows no longer.",
            match eye.left_out {
                1 => "1 vote is".to_owned(),
                n => format!("{} are", count(n, "vote")),
            },
            if eye.left_out == 1 { "it is" } else { "they are" },
        ));
    }
    sentences
}

fn text(judged: &Judged<'_>, eye: &Eye) -> String {
    let rows = eye.pairs.iter().map(|pair| row(judged, pair).map(|text| markdown::escape(&text)).to_vec());
    let table = markdown::table(&COLUMNS, &["---", "---", "---:", "---:", "---:"], rows);
    let mut blocks = vec!["## Judged by eye".to_owned(), ASKED.to_owned()];
    if !eye.pairs.is_empty() {
        blocks.push(table);
    }
    blocks.extend(sentences(judged, eye).iter().map(|sentence| markdown::escape(sentence)));
    blocks.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::{BASE_MODEL, Choice, StudyData, Vote, Voted};
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::Charts;
    use crate::report::tables::eye::hashes;

    fn made(data: &StudyData) -> Section {
        let judged = judged(data);
        section(&Page { data, judged: &judged, other: None, charts: Charts::default() }).expect("there are images")
    }

    #[test]
    fn votes_of_a_file_are_told_with_their_interval_and_with_what_the_measure_says() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut data = fixture::with_files(fixture::study(), dir.path());
        assert_eq!(made(&data).markdown, "");
        let hash = |data: &StudyData, file: &str| hashes(data)[file].to_owned();
        let left = Voted { cell: data.cells[1].label.clone(), hash: hash(&data, &data.cells[1].images[0].file) };
        let base = data.baselines[0].images.iter().find(|p| p.file.ends_with("baseline/p00_s0.png")).expect("is there");
        let right = Voted { cell: BASE_MODEL.into(), hash: hash(&data, &base.file) };
        let vote = Vote { left, right, prompt_index: 0, seed: 0, choice: Choice::Left };
        let gone = Vote { right: Voted { hash: "0".into(), ..vote.right.clone() }, ..vote.clone() };
        data.votes = vec![vote.clone(), vote.clone(), vote.clone(), Vote { choice: Choice::Right, ..vote }, gone];
        let section = made(&data);
        insta::assert_snapshot!("votes", section.markdown);
        let page = section.html.into_string();
        assert!(page.contains("3 of 4") && page.contains("30 to 95\u{a0}%"), "{page}");
    }
}
