//! The way through the page: a link past the navigation, and the navigation itself.

use maud::{Markup, html};

use crate::report::sections::Section;

/// A link to the first section, for those who go by keyboard; and a link to every section.
pub(crate) fn navigation(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Sections" {
            ul {
                @for section in sections { li { a href={ "#" (section.id) } { (section.title) } } }
                li.end { button id="theme" type="button" hidden { "light / dark" } }
            }
        }
    }
}

/// A link past everything that stands before the first section; seen when the keyboard reaches it.
pub(crate) fn skip(sections: &[Section]) -> Markup {
    html! {
        @if let Some(first) = sections.first() {
            a.skip href={ "#" (first.id) } { "Skip to: " (first.title) }
        }
    }
}
