//! One group of images to compare: what all parts of it need.

use crate::report::data::{Group, StudyData};
use crate::report::page::layout::Layout;

/// The comparison of one group of images.
pub(crate) struct Compare<'d> {
    /// The study.
    pub(crate) data: &'d StudyData,
    /// Its tables.
    pub(crate) layout: Layout,
    /// Which images.
    pub(crate) group: Group,
    /// A word that no other comparison of the page has.
    pub(crate) set: &'static str,
    /// What the tables show, for those who do not see them.
    pub(crate) what: &'static str,
}

impl<'d> Compare<'d> {
    /// The images of a group.
    pub(crate) fn new(data: &'d StudyData, group: Group, set: &'static str, what: &'static str) -> Self {
        Self { data, layout: Layout::new(data, group), group, set, what }
    }
}
