//! Text to copy.

use maud::{Markup, html};

/// A line of code with a button that copies it; without JavaScript it can be marked and copied.
pub(crate) fn code(text: &str) -> Markup {
    html! {
        div.code {
            code dir="ltr" { (text) }
            (button(text, "copy"))
        }
    }
}

/// Sentences of the program, in which pairs of back quotes enclose commands and names of settings.
pub(crate) fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // A back quote without a partner is one of the user's.
    let pairs = (parts.len() - 1) / 2;
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 1 && index < 2 * pairs { code { (part) } }
            @else if index > 2 * pairs { "`" (part) }
            @else { (part) }
        }
    }
}

/// A button that copies a text; the script shows it.
pub(crate) fn button(text: &str, name: &str) -> Markup {
    html! { button.copy type="button" data-copy=(text) hidden { (name) } }
}
