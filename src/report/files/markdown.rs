//! `report.md`: the finding and the sections as text, with links to the pictures.

use crate::report::finding::finding;
use crate::report::naming::{titles, words};
use crate::report::sections::{Page, Section, answer};
use crate::report::style::markdown::{escape, prose};
use crate::text;

/// The whole file with its sections.
pub(crate) fn page(page: &Page<'_>, sections: &[Section]) -> String {
    let data = page.data;
    let finding = finding(page.judged);
    let notes: Vec<String> = finding.notes.iter().map(|note| format!("- {}", prose(note))).collect();
    let behind = format!("## The numbers behind it\n\n{}\n\n{}", prose(&finding.headline), notes.join("\n"));
    let complete = format!("{} of {} complete.", data.complete_cells(), text::count(data.cells.len(), "cell"));
    let title = format!("# {}", escape(titles::study_title(data)));
    let head = [title, prose(&finding.lead), answer::text(page), complete, behind.trim_end().to_owned()];
    let sections = sections.iter().map(|section| section.markdown.as_str());
    let blocks: Vec<&str> = head.iter().map(String::as_str).chain(sections).filter(|text| !text.is_empty()).collect();
    words::visible(&(blocks.join("\n\n") + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::{self, Charts};

    #[test]
    fn the_page_is_as_before() {
        let data = fixture::study();
        let charts = Charts { sheets: 1, ..Charts::default() };
        let judged = judged(&data);
        let whole = Page { data: &data, judged: &judged, other: None, charts };
        insta::assert_snapshot!(page(&whole, &sections::all(&whole)));
    }
}
