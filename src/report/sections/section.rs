//! What a section of the report is.

use maud::Markup;

use crate::report::data::StudyData;
use crate::report::finding::Judged;

/// What a section is made of.
pub(crate) struct Page<'d> {
    /// The study.
    pub(crate) data: &'d StudyData,
    /// Its conditions and trainings with the verdict on them.
    pub(crate) judged: &'d Judged<'d>,
    /// Another study to stand beside it.
    pub(crate) other: Option<&'d Judged<'d>>,
    /// The charts that lie beside the page.
    pub(crate) charts: Charts,
}

/// Which pictures of the study as a whole exist.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charts {
    /// How many sheets of images: `grid.png`, `grid-2.png` and so on. With one there is `card.png`, too.
    pub(crate) sheets: usize,
    /// `loss.png`
    pub(crate) loss: bool,
    /// `probe.png`
    pub(crate) probe: bool,
    /// `summary.png`
    pub(crate) summary: bool,
}

/// One section of the page and of the Markdown file.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// Its anchor on the page.
    pub(crate) id: &'static str,
    /// Its name in the navigation.
    pub(crate) title: &'static str,
    /// What the page shows inside the `section` element.
    pub(crate) html: Markup,
    /// What the Markdown file says; empty if nothing.
    pub(crate) markdown: String,
}
