//! The numbers: one row a condition, its trainings below it.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::report::data::{CellData, StudyData};
use crate::report::finding::{Judged, Standing, blind_words, none_told_apart, numbers_words, standing};
use crate::report::naming::words;
use crate::report::style::markdown;
use crate::report::tables::columns::{Column, Group, groups};
use crate::report::tables::made::{gone, is_measured, measured_trainings, run_steps, steps};
use crate::report::tables::measure_table;
use crate::report::tables::rows::{Row, Run, rows};
use crate::text::measurement;

/// What the table is made of.
struct Numbers<'d> {
    data: &'d StudyData,
    judged: &'d Judged<'d>,
    groups: Vec<Group>,
    rows: Vec<Row<'d>>,
}

/// One row a condition, few columns; everything else is in the table of all measures.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let judged = page.judged;
    let groups = groups(page.data, judged.question.name());
    let numbers = Numbers { data: page.data, judged, groups, rows: rows(judged) };
    let html = html! {
        h2 { "The numbers" }
        p { (numbers.words()) }
        (numbers.table())
        (measure_table::html(page.data, &numbers.rows))
        p { "Every number of every training: " a href="cells.csv" { "cells.csv" } "." }
    };
    Some(Section { id: "numbers", title: "Numbers", html, markdown: numbers.text() })
}

impl Numbers<'_> {
    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.groups.iter().flat_map(|group| &group.columns)
    }

    /// Whether conditions have several trainings.
    fn repeated(&self) -> bool {
        self.rows.iter().any(|row| row.runs.len() > 1)
    }

    /// How to read the table.
    fn words(&self) -> String {
        let mut words = numbers_words().to_owned();
        if self.repeated() {
            words += " A row is the mean of a condition’s trainings; those that diverged are left out. Its trainings \
                      stand below it.";
        }
        if let Some(blind) = blind_words(self.data) {
            words += &format!(" {blind}");
        }
        if (0..self.judged.conditions.len()).any(|c| standing(self.judged, c) == Some(Standing::AmongBest)) {
            words += " “Among the best”: chance alone could make the difference to the best score.";
        } else if none_told_apart(self.judged) {
            words += " No condition can be told from the best one.";
        }
        words
    }

    fn table(&self) -> Markup {
        html! {
            div.scroll.plain tabindex="0" role="group" aria-label="The numbers of each condition" {
                table.numbers.figures.sortable data-rows="condition" {
                    thead {
                        tr {
                            td {}
                            @for group in &self.groups {
                                th.n scope="colgroup" colspan=(group.columns.len()) { (group.head) }
                            }
                            th.n scope="colgroup" colspan="3" { "made" }
                        }
                        tr {
                            th scope="col" data-sort="text" { "condition" }
                            @for column in self.columns() {
                                th.n scope="col" data-sort=(first_direction(column)) {
                                    (column.head) small { (column.below) }
                                }
                            }
                            th.n scope="col" data-sort="down" { "trainings" small { "in the mean" } }
                            th.n scope="col" data-sort="down" { "steps" small { "passes" } }
                            th.n scope="col" data-sort="down" { "images" small { "prompts × seeds" } }
                        }
                    }
                    (self.reference("base model", "without training", Column::floor))
                    (self.reference("real photos", "of the subject", Column::ceiling))
                    @for row in &self.rows { (self.row(row)) }
                }
            }
        }
    }

    /// A row of what the base model or real photos reach; nothing where no column has such a number.
    fn reference(&self, name: &str, below: &str, of: fn(&Column, &CellData) -> Option<f64>) -> Markup {
        let values: Vec<String> = self.columns().map(|column| self.spread(|cell| of(column, cell))).collect();
        html! {
            @if values.iter().any(|value| !value.is_empty()) {
                tbody.fixed { tr {
                    th scope="row" { span.name { (name) } small { (below) } }
                    @for value in &values { td { (value) } }
                    td {} td {} td {}
                } }
            }
        }
    }

    /// A number of all cells, or from where to where it goes.
    fn spread(&self, of: impl Fn(&CellData) -> Option<f64>) -> String {
        let all = self.data.cells.iter().filter_map(of);
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        match (low.is_finite(), measurement(low), measurement(high)) {
            (false, ..) => String::new(),
            (true, low, high) if low == high => low,
            (true, low, high) => format!("{low} to {high}"),
        }
    }

    fn row(&self, row: &Row<'_>) -> Markup {
        let standing = row.condition.and_then(|condition| standing(self.judged, condition));
        let [first, ..] = row.runs.as_slice() else { return Markup::default() };
        html! {
            tbody {
                tr {
                    th scope="row" {
                        span.name { (row.title) }
                        @if let Some(standing) = standing {
                            small class=[(standing != Standing::Worse).then_some("good")] { (standing.word()) }
                        }
                        @if let Some(gone) = gone(row) { small.over { (gone) } }
                    }
                    @if row.runs.iter().any(|run| is_measured(run.cell)) {
                        @for column in self.columns() { (self.mean(row, column)) }
                    } @else {
                        td.why colspan=(self.columns().count()) {
                            (words::why_missing(first.cell.problems.first(), "not measured"))
                        }
                    }
                    @let measured = measured_trainings(row);
                    td data-v=(measured) { (measured) @if measured < row.runs.len() { " of " (row.runs.len()) } }
                    (steps(row))
                    @let images: usize = row.runs.iter().map(|run| run.cell.prompt_images()).sum();
                    td data-v=(images) { (images) }
                }
                @if row.runs.len() > 1 { @for run in &row.runs { (self.training(run)) } }
            }
        }
    }

    /// The mean of a condition, with its interval where the verdict has one.
    fn mean(&self, row: &Row<'_>, column: &Column) -> Markup {
        let (mean, small) = self.mean_text(row, column);
        html! {
            td data-v=[mean.map(words::sortable)] {
                (words::number_or_dash(mean))
                @if let Some(small) = small { small { (small) } }
            }
        }
    }

    fn mean_text(&self, row: &Row<'_>, column: &Column) -> (Option<f64>, Option<String>) {
        let name = column.measure.name;
        let verdict = row.condition.and_then(|condition| self.judged.verdict.conditions.get(condition));
        if let Some(score) = verdict.and_then(|v| v.score).filter(|_| name == self.judged.question.name()) {
            let half = score.low.zip(score.high).map(|(low, high)| (high - low) / 2.0);
            return (Some(score.mean), half.map(|half| format!("± {}", measurement(half))));
        }
        let mean = row.estimate_of(|cell| column.value(cell)).map(|estimate| estimate.mean);
        let bases: Vec<f64> = row.sound().filter_map(|run| column.floor(run.cell)).collect();
        let base = (!bases.is_empty()).then(|| bases.iter().sum::<f64>() / bases.len() as f64);
        (mean, change(column, base, mean))
    }

    fn training(&self, run: &Run<'_>) -> Markup {
        html! {
            tr.training {
                th scope="row" {
                    span.name { (run.title) }
                    @if run.diverged { small.over { "diverged" } }
                }
                @if is_measured(run.cell) {
                    @for column in self.columns() {
                        @let value = column.value(run.cell);
                        td {
                            (words::number_or_dash(value))
                            @if let Some(change) = change(column, column.floor(run.cell), value) { small { (change) } }
                        }
                    }
                } @else {
                    td.why colspan=(self.columns().count()) {
                        (words::why_missing(run.cell.problems.first(), "not measured"))
                    }
                }
                td {}
                td { (run_steps(run.cell)) }
                td { (run.cell.prompt_images()) }
            }
        }
    }

    fn text(&self) -> String {
        let mut head = vec!["condition", "trainings"];
        head.extend(self.columns().map(|column| column.head));
        head.extend(["steps", "images"]);
        let align: Vec<&str> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        let blank = |n: usize| std::iter::repeat_n(String::new(), n);
        let reference = |name: &str, of: fn(&Column, &CellData) -> Option<f64>| {
            let values: Vec<String> = self.columns().map(|column| self.spread(|cell| of(column, cell))).collect();
            let known = values.iter().any(|value| !value.is_empty());
            known.then(|| [name.to_owned(), String::new()].into_iter().chain(values).chain(blank(2)).collect())
        };
        let references: Vec<Vec<String>> =
            [reference("base model", Column::floor), reference("real photos", Column::ceiling)]
                .into_iter()
                .flatten()
                .collect();
        let rows = references.into_iter().chain(self.rows.iter().map(|row| self.text_row(row)));
        let table = markdown::table(&head, &align, rows);
        let meanings = self.columns().map(|column| format!("- {}: {}", column.head, column.meaning()));
        let meanings: Vec<String> = meanings.collect();
        format!("## Numbers\n\n{}\n\n{table}\n\n{}", self.words(), meanings.join("\n"))
    }

    fn text_row(&self, row: &Row<'_>) -> Vec<String> {
        let standing = row.condition.and_then(|condition| standing(self.judged, condition));
        let mark = standing.filter(|s| *s != Standing::Worse).map(|s| format!(" ({})", s.word()));
        let gone = gone(row).map(|gone| format!(" ({gone})"));
        let title = markdown::escape(&row.title) + &mark.unwrap_or_default() + &gone.unwrap_or_default();
        let mut out = vec![title, format!("{} of {}", measured_trainings(row), row.runs.len())];
        for column in self.columns() {
            let (mean, small) = self.mean_text(row, column);
            let small =
                small.map(|small| if small.starts_with('±') { format!(" {small}") } else { format!(" ({small})") });
            out.push(words::number_or_dash(mean) + &small.unwrap_or_default());
        }
        let done = row.runs.iter().find(|run| run.cell.trained);
        out.push(done.map_or_else(|| "–".to_owned(), |run| run.cell.steps.to_string()));
        out.push(row.runs.iter().map(|run| run.cell.prompt_images()).sum::<usize>().to_string());
        out
    }
}

/// The direction in which a column is sorted first: the best on top.
fn first_direction(column: &Column) -> &'static str {
    use crate::measures::Better;
    match column.measure.better {
        Better::Lower => "up",
        Better::Higher | Better::Near | Better::Neither => "down",
    }
}

/// The change from what the base model reaches. A cosine has none: its zero is no amount, so a share of it says
/// nothing.
fn change(column: &Column, base: Option<f64>, value: Option<f64>) -> Option<String> {
    if column.measure.purpose().is_some() {
        return None;
    }
    words::change(base?, value?)
}
