//! Names with their values.

use maud::{Markup, html};

/// A list of names, as code, with their values.
pub(crate) fn list<'s>(items: impl Iterator<Item = (&'s str, &'s str)>) -> Markup {
    html! {
        dl.set {
            @for (name, value) in items { dt { code { (name) } } dd { (value) } }
        }
    }
}
