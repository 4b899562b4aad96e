//! `report.md`: the finding and the sections as text, with links to the pictures.

use crate::report::finding::finding;
use crate::report::sections::{self, Page};
use crate::report::style::markdown::escape;
use crate::report::{titles, words};
use crate::text;

/// The whole file.
pub(crate) fn page(page: &Page<'_>) -> String {
    let data = page.data;
    let finding = finding(page.judged);
    let notes: Vec<String> = finding.notes.iter().map(|note| format!("- {}", escape(note))).collect();
    let complete = format!("{} of {} complete.", data.complete_cells(), text::count(data.cells.len(), "cell"));
    let head =
        [format!("# {}", escape(titles::study_title(data))), escape(&finding.headline), notes.join("\n"), complete];
    let sections = sections::all(page).into_iter().map(|section| section.markdown);
    let blocks: Vec<String> = head.into_iter().chain(sections).filter(|text| !text.is_empty()).collect();
    words::visible(&(blocks.join("\n\n") + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::Charts;

    #[test]
    fn the_page_is_as_before() {
        let data = fixture::study();
        let charts = Charts { grid: true, ..Charts::default() };
        let judged = judged(&data);
        insta::assert_snapshot!(page(&Page { data: &data, judged: &judged, other: None, charts }));
    }
}
