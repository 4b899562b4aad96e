//! Does the base model know the subject by its name? Its images of the name, and its loss under three words.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::probe_values::Paired;
use crate::report::data::{Group, StudyData};
use crate::report::naming::titles;
use crate::report::style::markdown;
use crate::report::style::shot::{Of, Shot};
use crate::report::tables::name_test::{
    BaseTest, TrainedTest, base_tests, difference, photos, said, said_identifier, trained_tests,
};
use crate::text::measurement;

/// What the numbers are: intervals, pairs, and the three parts of the process.
const NOTE: &str = "Denoising loss, lower is better. Differences are paired by photo, timestep and noise; in brackets \
                    the 95 % interval over photos. Little, middle and much noise are thirds of the process.";
/// What a fall of the loss under each word means.
const READING: &str = "Under the identifier the loss should fall. As far as it also falls under the class word alone, \
                       the whole class is turning into the subject.";

/// The base model's images of the name and the losses; `None` if there is neither.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let sets = &page.data.baselines;
    let images = sets.iter().flat_map(|set| &set.images).any(|p| p.group == Group::Baseline);
    let (base, trained) = (base_tests(page.data), trained_tests(page.data));
    if !images && base.is_empty() && trained.is_empty() {
        return None;
    }
    let html = html! {
        h2 { "Does the base model know it by name?" }
        @for (nth, set) in sets.iter().enumerate().filter(|_| images) {
            @if !set.label.is_empty() { h3 { (set.label) } }
            ul.strip.wide data-set="name" {
                @for p in set.images.iter().filter(|p| p.group == Group::Baseline) {
                    li {
                        (Shot::below_prompt(p, Of::Baseline(nth), "base model").markup())
                        small.cap { (p.prompt) " · seed " (p.seed) }
                    }
                }
            }
        }
        @for sentence in told(&base) { p { (sentence) } }
        @let tables = distinct(&base);
        @for (place, test) in tables.iter().enumerate() {
            @if place == 0 { (base_html(page.data, test, tables.len() > 1)) } @else {
                details {
                    summary { "The same numbers for " (titles::full_title(page.data, test.cell)) }
                    (base_html(page.data, test, false))
                }
            }
        }
        @if !trained.is_empty() { (trained_html(page.data, &trained)) }
        @if !base.is_empty() || !trained.is_empty() { p.soft { (NOTE) } }
    };
    Some(Section { id: "name", title: "By name", html, markdown: text(page.data, &base, &trained) })
}

/// What the tests say, each sentence once.
fn told(tests: &[BaseTest<'_>]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for sentence in tests.iter().map(said).chain(tests.iter().filter_map(said_identifier)) {
        if !told.contains(&sentence) {
            told.push(sentence);
        }
    }
    told
}

/// The tests without those that repeat the numbers of an earlier one: cells may share photos but not the job.
fn distinct<'t, 'd>(tests: &'t [BaseTest<'d>]) -> Vec<&'t BaseTest<'d>> {
    let mut kept: Vec<&BaseTest<'_>> = Vec::new();
    for test in tests {
        if !kept.iter().any(|other| rows(other) == rows(test)) {
            kept.push(test);
        }
    }
    kept
}

/// Each word with the loss under it and the difference to the class word.
fn rows(test: &BaseTest<'_>) -> Vec<[String; 3]> {
    let [identifier, class, name] = &test.cell.words;
    let against = |what: &str, word: &str, paired: &Paired| {
        [format!("{what} \"{word}\""), measurement(paired.after), difference(&paired.difference)]
    };
    let mut rows = vec![[format!("class \"{class}\""), measurement(test.class.after), String::new()]];
    rows.extend(test.name.iter().map(|paired| against("name", name, paired)));
    rows.push(against("identifier", identifier, &test.identifier));
    rows
}

fn base_html(data: &StudyData, test: &BaseTest<'_>, several: bool) -> Markup {
    html! {
        @if several { h3 { (titles::full_title(data, test.cell)) } }
        div.scroll.plain tabindex="0" role="group" aria-label="Loss by word" {
            table {
                thead { tr {
                    th scope="col" { "word in the prompt" }
                    th.n scope="col" { "loss of the base model" small { "on the " (photos(test.split)) } }
                    th.n scope="col" { "against the class word" }
                } }
                tbody { @for [word, loss, difference] in rows(test) {
                    tr { th scope="row" { (word) } td.n { (loss) } td.n { (difference) } }
                } }
            }
        }
    }
}

/// The heads of the columns after the cell's name.
const COLUMNS: [&str; 5] = ["identifier", "class word", "little noise", "middle noise", "much noise"];

/// What changed under the identifier, under the class word, and under the identifier by noise.
fn changes(test: &TrainedTest<'_>) -> [String; 5] {
    let band = |i: usize| test.bands[i].as_ref().map_or_else(|| "–".to_owned(), |band| difference(&band.difference));
    [difference(&test.identifier.difference), difference(&test.class.difference), band(0), band(1), band(2)]
}

fn trained_html(data: &StudyData, tests: &[TrainedTest<'_>]) -> Markup {
    html! {
        h3 { "What the training changed" }
        p { (READING) }
        div.scroll.plain tabindex="0" role="group" aria-label="Change of the loss" {
            table {
                thead { tr {
                    th scope="col" { "cell" }
                    @for column in COLUMNS { th.n scope="col" { (column) } }
                } }
                tbody { @for test in tests {
                    tr {
                        th scope="row" { span.name { (titles::full_title(data, test.cell)) } }
                        @for change in changes(test) { td.n { (change) } }
                    }
                } }
            }
        }
    }
}

fn text(data: &StudyData, base: &[BaseTest<'_>], trained: &[TrainedTest<'_>]) -> String {
    if base.is_empty() && trained.is_empty() {
        return String::new();
    }
    let mut blocks = vec!["## Does the base model know it by name?".to_owned()];
    blocks.extend(told(base).iter().map(|sentence| markdown::prose(sentence)));
    let tables = distinct(base);
    for test in &tables {
        if tables.len() > 1 {
            blocks.push(format!("{}:", markdown::escape(&titles::full_title(data, test.cell))));
        }
        let loss = format!("loss on the {}", photos(test.split).trim_end_matches(','));
        let head = ["word in the prompt", loss.as_str(), "against the class word"];
        let rows = rows(test).into_iter().map(|row| row.map(|text| markdown::escape(&text)).to_vec());
        blocks.push(markdown::table(&head, &["---", "---:", "---:"], rows));
    }
    if !trained.is_empty() {
        let head: Vec<&str> = ["cell"].into_iter().chain(COLUMNS).collect();
        let align: Vec<&str> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        let rows = trained.iter().map(|test| {
            let title = markdown::escape(&titles::full_title(data, test.cell));
            [title].into_iter().chain(changes(test)).collect()
        });
        blocks.push(format!("What the training changed. {READING}"));
        blocks.push(markdown::table(&head, &align, rows));
    }
    blocks.push(NOTE.to_owned());
    blocks.join("\n\n")
}
