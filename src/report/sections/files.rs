//! The files that lie beside the page.

use maud::{Markup, html};

use super::section::{Page, Section};
use super::use_it;
use crate::report::data::{CellData, StudyData};
use crate::report::finding::answers;
use crate::report::naming::titles;
use crate::report::sheet;
use crate::report::style::link::href;
use crate::report::style::markdown;

/// Adapters of more trainings than this are folded.
const OPEN: usize = 12;

/// Adapters by condition.
struct Adapters<'d> {
    /// The condition in words; empty if there is only one.
    title: String,
    cells: Vec<(usize, &'d CellData)>,
}

/// Links to the files.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let groups = adapters(page);
    let taken = answers(page.judged).cell;
    let html = html! {
        h2 { "Files" }
        @if !groups.is_empty() {
            h3 { "Adapters" }
            p {
                "“kohya” is what ComfyUI, A1111 and Forge read. "
                @if data.cells.iter().any(|cell| cell.checkpoint.is_some() && !cell.adapters.is_empty()) {
                    "Adapters of earlier steps are there as diffusers reads them: "
                    code { "runner lora convert FILE --to kohya --output NEW" } " makes the other."
                }
            }
            @if groups.iter().map(|group| group.cells.len()).sum::<usize>() > OPEN {
                @if let Some(cell) = taken.and_then(|index| data.cells.get(index)) {
                    p { b { "Take this one: " } (titles::full_title(data, cell)) ": " (links(data, cell)) }
                }
                details { summary { "All adapters" } (table(data, &groups, taken)) }
            } @else { (table(data, &groups, taken)) }
        }
        h3 { "Everything on this page as plain files" }
        ul {
            @if page.charts.sheets > 0 {
                li {
                    @for (i, name) in sheet::names(page.charts.sheets).enumerate() {
                        @if i > 0 { ", " }
                        a href=(name) { (name) }
                    }
                    " – the images with the subject and the answer, to post"
                }
                li { a href=(sheet::CARD) { (sheet::CARD) } " – the study at a glance, in the size of link previews" }
            }
            li { a href="cells.csv" { "cells.csv" } " – one row a cell" }
            li { a href="images.csv" { "images.csv" } " – one row an image" }
            @if page.data.cells.iter().any(|cell| cell.trained) {
                li {
                    a href="verdict.json" { "verdict.json" } ", " a href="trainings.csv" { "trainings.csv" } ", "
                    a href="conditions.csv" { "conditions.csv" } ", " a href="differences.csv" { "differences.csv" }
                    " – what the finding says, in numbers"
                }
            }
            li {
                a href="probe.csv" { "probe.csv" } ", " a href="loss.csv" { "loss.csv" } " – every step; the same for "
                "TensorBoard in " code { "tensorboard/" }
            }
            @if page.data.has_probe_values() {
                li {
                    a href="probe_values.csv" { "probe_values.csv" }
                    " – the denoising loss of each photo at each timestep"
                }
            }
            li { a href="report.md" { "report.md" } " – this page as text" }
            li { a href="cost.html" { "cost.html" } ", " a href="cost.csv" { "cost.csv" } " – time and memory" }
        }
    };
    let values = if data.has_probe_values() { "[probe_values.csv](probe_values.csv), " } else { "" };
    let tables = format!(
        "Files: [index.html](index.html), [cells.csv](cells.csv), [images.csv](images.csv), [probe.csv](probe.csv), \
         {values}[loss.csv](loss.csv), [cost.csv](cost.csv)"
    );
    let lines = groups.iter().flat_map(|group| &group.cells).map(|(index, cell)| {
        let mark = if taken == Some(*index) { " **take this one**" } else { "" };
        let files: Vec<String> = cell.adapters.iter().map(|file| file_text(data, file)).collect();
        format!("- {}{mark}: {}", markdown::escape(&titles::full_title(data, cell)), files.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    let adapters = if lines.is_empty() { String::new() } else { format!("## Adapters\n\n{}\n\n", lines.join("\n")) };
    Some(Section { id: "files", title: "Files", html, markdown: adapters + &tables })
}

/// The cells with adapters, by condition in plan order; those of failed cells come last.
fn adapters<'d>(page: &Page<'d>) -> Vec<Adapters<'d>> {
    let mut groups: Vec<Adapters<'d>> = Vec::new();
    for (index, cell) in page.data.cells.iter().enumerate().filter(|(_, cell)| !cell.adapters.is_empty()) {
        let title = page.judged.title_of_cell(index);
        match groups.iter_mut().find(|group| group.title == title) {
            Some(group) => group.cells.push((index, cell)),
            None => groups.push(Adapters { title, cells: vec![(index, cell)] }),
        }
    }
    groups
}

fn table(data: &StudyData, groups: &[Adapters<'_>], taken: Option<usize>) -> Markup {
    html! {
        div.scroll.plain tabindex="0" role="group" aria-label="Adapters" {
            table {
                thead { tr {
                    th scope="col" { "condition" } th scope="col" { "training" } th scope="col" { "files" }
                } }
                tbody { @for group in groups { @for (place, (index, cell)) in group.cells.iter().enumerate() {
                    tr {
                        @if place == 0 {
                            th scope="rowgroup" rowspan=(group.cells.len()) {
                                @if group.title.is_empty() { "all" } @else { (group.title) }
                            }
                        }
                        td {
                            (titles::full_title(data, cell))
                            @if taken == Some(*index) { " " b.take { "take this one" } }
                        }
                        td { (links(data, cell)) }
                    }
                } } }
            }
        }
    }
}

/// The adapter files of a cell with their sizes.
fn links(data: &StudyData, cell: &CellData) -> Markup {
    html! {
        @for (place, file) in cell.adapters.iter().enumerate() {
            @if place > 0 { ", " }
            a href=(href(file)) { (use_it::dialect(file)) } " " small { (use_it::size(data, file)) }
        }
    }
}

fn file_text(data: &StudyData, file: &str) -> String {
    format!("[{}]({}){}", use_it::dialect(file), href(file), use_it::size_in_brackets(data, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::Charts;

    #[test]
    fn adapters_have_their_size_and_one_is_to_be_taken() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let data = fixture::with_files(fixture::study(), dir.path());
        let judged = judged(&data);
        let section =
            section(&Page { data: &data, judged: &judged, charts: Charts::default(), other: None }).expect("files");
        let html = section.html.into_string();
        assert_eq!(html.matches("take this one").count(), 1, "{html}");
        assert!(html.contains("diffusers</a> <small>18 B</small>"), "{html}");
        assert!(section.markdown.contains("- 4 photos **take this one**: [diffusers]("), "{}", section.markdown);
    }
}
