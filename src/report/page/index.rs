//! `index.html`: the finding, then every section.
//!
//! Every text of the user passes through maud's escaping; the only raw texts are the style and the script of the frame.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::report::data::{CellData, StudyData};
use crate::report::files::cells_json;
use crate::report::finding::finding;
use crate::report::naming::titles;
use crate::report::page::live;
use crate::report::page::navigation::{navigation, skip};
use crate::report::page::viewer;
use crate::report::sections::{Page, Section, answer};
use crate::report::sheet;
use crate::report::style::copy::prose;
use crate::report::style::page::{OF_STUDY, Reload, document};
use crate::text;

/// The whole page with its sections.
pub(crate) fn page(page: &Page<'_>, sections: &[Section]) -> String {
    let body = html! {
        (skip(sections))
        (header(page))
        (navigation(sections))
        main { @for section in sections { section id=(section.id) { (section.html) } } }
        (cells_json::block(page.judged))
        (viewer::dialog())
    };
    let reload = if page.data.live.is_some() { Reload::After(live::RELOAD) } else { Reload::Never };
    let preview = (page.charts.sheets > 0).then_some(sheet::CARD);
    document(titles::study_title(page.data), preview, &body, OF_STUDY, reload)
}

fn header(page: &Page<'_>) -> Markup {
    let data = page.data;
    let finding = finding(page.judged);
    let complete = data.complete_cells();
    let (failed, waiting) = (data.failed_cells(), data.waiting_cells());
    let images = images_made(data);
    html! {
        header.top {
            h1 { (titles::study_title(data)) }
            (live::banner(data))
            p.finding { (finding.lead) }
            (answer::block(page))
            details.behind {
                summary { "The numbers behind it" }
                p { (prose(&finding.headline)) }
                ul.notes { @for note in &finding.notes { li { (prose(note)) } } }
            }
            ul.pills {
                li { (complete) " of " (text::count(data.cells.len(), "cell")) " complete" }
                @if failed > 0 { li.bad { a href="#problems" { (failed) " failed" } } }
                @if waiting > 0 { li.bad { a href="#problems" { (waiting) " not finished" } } }
                @if images > 0 { li { (text::count(images, "image")) " with LoRA" } }
                li { "study " bdi { (data.name) } }
            }
        }
    }
}

/// How many images of the prompts were made with an adapter. Images that cells share count once.
fn images_made(data: &StudyData) -> usize {
    let mut seen = BTreeSet::new();
    data.cells.iter().filter(|c| seen.insert(&c.image_job)).map(CellData::prompt_images).sum()
}
