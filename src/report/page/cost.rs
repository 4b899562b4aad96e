//! `cost.html`: how long it took and what it needed. The only page with wall-clock values.

use maud::{Markup, html};

use crate::report::data::Cost;
use crate::report::finding::Judged;
use crate::report::naming::{titles, words};
use crate::report::style::page::{OF_CHARTS, Reload, document};
use crate::report::{charts, finding};
use crate::text;

/// The whole page.
pub(crate) fn page(judged: &Judged<'_>) -> String {
    let data = judged.data;
    let once: f64 = data.costs.iter().map(|c| c.seconds).sum();
    let alone: f64 = data.costs.iter().map(|c| c.seconds * c.cells.len().max(1) as f64).sum();
    let body = html! {
        header.top {
            h1 { "What it cost: " (titles::study_title(data)) }
            p.finding {
                @if data.costs.is_empty() { "Nothing is made yet." }
                @else { (text::duration(once)) " of work on what is kept." }
                @if alone > once { " Without sharing between cells it would have been " (text::duration(alone)) "." }
            }
            @if let Some(seconds) = finding::seconds(judged) {
                p { "The further trainings that the report proposes take about " (text::duration(seconds)) "." }
            }
            p { a href="index.html" { "Back to the report" } " · " a href="cost.csv" { "cost.csv" } }
        }
        main {
            section {
                div.scroll.plain {
                    table {
                        thead {
                            tr {
                                th scope="col" { "stage" }
                                th scope="col" { "used by" }
                                th.n scope="col" { "time" }
                                th.n scope="col" { "steps/s" }
                                th.n scope="col" { "peak memory" }
                                th scope="col" { "device" }
                                th scope="col" { "made" }
                            }
                        }
                        tbody { @for cost in &data.costs { (row(cost, data.cells.len())) } }
                    }
                }
                @if let Some(figure) = charts::score_by_minutes(judged) { (figure.svg()) }
                p.soft {
                    "A stage is made once and kept in the store; “made” says when. A date before this run means it was "
                    "reused."
                }
            }
        }
    };
    document(&format!("Cost – {}", titles::study_title(data)), None, &body, OF_CHARTS, Reload::Never)
}

fn row(cost: &Cost, cells: usize) -> Markup {
    html! {
        tr {
            th scope="row" { (cost.stage) small.mono { (cost.key.get(..12).unwrap_or(&cost.key)) } }
            td {
                @if cost.cells.len() == cells && cells > 1 { "all " (cells) " cells" } @else { (cost.cells.join("; ")) }
            }
            td.n { (text::duration(cost.seconds)) }
            td.n { (words::number_or_dash(cost.steps_per_second)) }
            td.n { (cost.peak_memory_bytes.map_or_else(|| "–".to_owned(), text::bytes)) }
            td { (cost.device) small { (text::count(cost.threads, "thread")) } }
            td { (cost.created) small { "runner " (cost.runner_version) } }
        }
    }
}
