//! The frame of every page: it works from `file://`, without a network and without JavaScript.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::words;

/// Only pictures of the folder itself are loaded. `file:` is named because some browsers do not count a folder that is
/// opened from disk as `'self'`.
const POLICY: &str = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The look, one file for each thing; a rule of a later file wins.
const STYLE: &[&str] = &[
    include_str!("css/base.css"),
    include_str!("css/header.css"),
    include_str!("css/answer.css"),
    include_str!("css/navigation.css"),
    include_str!("css/table.css"),
    include_str!("css/matters.css"),
    include_str!("css/grid.css"),
    include_str!("css/photos.css"),
    include_str!("css/chart.css"),
    include_str!("css/viewer.css"),
    include_str!("css/judge.css"),
    include_str!("css/print.css"),
];

/// What the page can do, one file for each thing. All stand in one function and share their names.
const SCRIPT: &[&str] = &[
    include_str!("js/shared.js"),
    include_str!("js/state.js"),
    include_str!("js/theme.js"),
    include_str!("js/copy.js"),
    include_str!("js/navigation.js"),
    include_str!("js/swap.js"),
    include_str!("js/grid.js"),
    include_str!("js/study.js"),
    include_str!("js/zoom.js"),
    include_str!("js/panel.js"),
    include_str!("js/sort.js"),
    include_str!("js/matters.js"),
    include_str!("js/viewer.js"),
    include_str!("js/charts.js"),
    include_str!("js/judge.js"),
];

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
                style { (PreEscaped(STYLE.concat())) }
            }
            body {
                (body)
                script { (PreEscaped(format!("'use strict';\n(() => {{\n{}}})();", SCRIPT.concat()))) }
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
        for text in super::STYLE.iter().chain(super::SCRIPT) {
            assert!(!text.contains("</"), "raw text must not close its element");
        }
    }
}
