//! The frame of every page: it works from `file://`, without a network and without JavaScript.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::squeeze;
use crate::report::naming::words;

/// Only pictures of the folder itself are loaded. `file:` is named because some browsers do not count a folder that is
/// opened from disk as `'self'`.
const POLICY: &str = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The look, one file for each thing; a rule of a later file wins.
const STYLE: &[&str] = &[
    include_str!("css/base.css"),
    include_str!("css/header.css"),
    include_str!("css/live.css"),
    include_str!("css/answer.css"),
    include_str!("css/navigation.css"),
    include_str!("css/table.css"),
    include_str!("css/matters.css"),
    include_str!("css/grid.css"),
    include_str!("css/photos.css"),
    include_str!("css/copying.css"),
    include_str!("css/chart.css"),
    include_str!("css/viewer.css"),
    include_str!("css/judge.css"),
    include_str!("css/print.css"),
];

/// What a page with charts can do.
pub(crate) const OF_CHARTS: &[&str] =
    &[include_str!("js/shared.js"), include_str!("js/charts.js"), include_str!("js/print.js")];

/// What the page of a study can do, one file for each thing. All stand in one function and share their names.
pub(crate) const OF_STUDY: &[&str] = &[
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
    include_str!("js/print.js"),
];

/// What a page of a run that is going on can do besides.
const LIVE: &str = include_str!("js/live.js");

/// Whether a page is loaded again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// It stays as it is.
    Never,
    /// After so many seconds: a run is going on.
    After(u64),
}

/// Head and frame shared by all pages. `preview` is the picture that other sites show for a link to the page; `scripts`
/// is what the page can do.
pub(crate) fn document(title: &str, preview: Option<&str>, body: &Markup, scripts: &[&str], reload: Reload) -> String {
    let live = if reload == Reload::Never { "" } else { LIVE };
    let script = squeeze::script(&[&scripts.concat(), live].concat());
    let script = format!("'use strict';\n(() => {{\n{script}}})();");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                // With JavaScript the script loads the page again, and keeps the reader's place.
                @if let Reload::After(seconds) = reload {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
                title { (title) }
                @if let Some(file) = preview { meta property="og:image" content=(file); }
                style { (PreEscaped(squeeze::style(&STYLE.concat()))) }
            }
            body {
                (body)
                script { (PreEscaped(script)) }
            }
        }
    }
    .into_string();
    words::visible(&page)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_squeezed_is_written_so_that_it_can_be() {
        for text in super::STYLE.iter().chain(super::OF_STUDY).chain([&super::LIVE]) {
            let lines = || text.lines().map(str::trim);
            let starts = lines().filter(|line| line.starts_with("/*")).count();
            let ends = lines().filter(|line| line.ends_with("*/")).count();
            assert_eq!(starts, ends, "a comment that begins a line must end one");
            assert!(lines().all(|line| line.matches('`').count() % 2 == 0), "a text must end on its line");
        }
    }

    #[test]
    fn own_style_and_script_cannot_end_their_element() {
        for text in super::STYLE.iter().chain(super::OF_STUDY).chain([&super::LIVE]) {
            assert!(!text.contains("</"), "raw text must not close its element");
        }
    }
}
