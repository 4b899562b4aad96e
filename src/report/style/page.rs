//! The frame of every page: it works from `file://`, without a network and without JavaScript.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::words;

/// Only pictures of the folder itself are loaded. `file:` is named because some browsers do not count a folder that is
/// opened from disk as `'self'`.
const POLICY: &str = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Head and frame shared by all pages.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                (body)
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
    .into_string();
    words::visible(&page)
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_style_and_script_cannot_end_their_element() {
        for text in [include_str!("page.css"), include_str!("page.js")] {
            assert!(!text.contains("</"), "raw text must not close its element");
        }
    }
}
