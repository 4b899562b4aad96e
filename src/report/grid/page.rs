//! All tables of one group of images with what stands above them.

use maud::{Markup, html};

use super::block::block;
use super::compare::Compare;
use super::{controls, real};

/// The whole comparison.
pub(crate) fn markup(compare: &Compare<'_>) -> Markup {
    html! {
        div.compare.fold data-compare=(compare.set) {
            div.bar {
                (real::strip(compare.data, compare.set))
                (controls::markup(&compare.layout, compare.set))
            }
            @for table in &compare.layout.tables { (block(compare, table)) }
        }
    }
}
