//! The frame of every page: it works from `file://`, without a network and without JavaScript.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::naming::words;

/// Only pictures of the folder itself are loaded. `file:` is named because some browsers do not count a folder that is
/// opened from disk as `'self'`.
const POLICY: &str = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The look. What is in `built/` is made from `css/` and `js/` by `build.mjs`.
const STYLE: &str = include_str!("built/page.css");

/// What a page with charts can do.
pub(crate) const OF_CHARTS: &str = include_str!("built/charts.js");

/// What the page of a study can do.
pub(crate) const OF_STUDY: &str = include_str!("built/study.js");

/// What a page of a run that is going on can do besides.
const LIVE: &str = include_str!("built/live.js");

/// What a page that holds its pictures does before the rest.
pub(crate) const OF_SINGLE_FILE: &str = include_str!("built/single.js");

/// Before anything is shown: what the style hides until a script has seen to it. It is shown again if a script fails.
const BEFORE: &str = "{const{classList}=document.documentElement;classList.add('js');\
                      addEventListener('error',()=>classList.remove('js'))}";

/// Whether a page is loaded again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// It stays as it is.
    Never,
    /// After so many seconds: a run is going on.
    After(u64),
}

/// Head and frame shared by all pages. `preview` is the picture that other sites show for a link to the page; `script`
/// is what the page can do.
pub(crate) fn document(title: &str, preview: Option<&str>, body: &Markup, script: &str, reload: Reload) -> String {
    let live = if reload == Reload::Never { "" } else { LIVE };
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
                style { (PreEscaped(STYLE)) }
                script { (PreEscaped(BEFORE)) }
            }
            body {
                (body)
                script { (PreEscaped(script)) (PreEscaped(live)) }
            }
        }
    }
    .into_string();
    words::visible(&page)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ring::digest::{SHA256, digest};

    use super::*;

    /// Every source with its hash, as `build.mjs` writes them.
    fn sources() -> String {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/style");
        let in_folder = |folder: &'static str| {
            let files = std::fs::read_dir(here.join(folder)).unwrap();
            files.map(move |file| format!("{folder}/{}", file.unwrap().file_name().to_str().unwrap()))
        };
        let mut names: Vec<String> =
            ["build.mjs".to_owned()].into_iter().chain(in_folder("css")).chain(in_folder("js")).collect();
        names.sort();
        let line = |name: &String| {
            let hash = digest(&SHA256, &std::fs::read(here.join(name)).unwrap());
            let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hash}  {name}\n")
        };
        names.iter().map(line).collect()
    }

    #[test]
    fn what_is_built_is_made_from_these_sources() {
        let built = include_str!("built/sources.txt");
        assert_eq!(sources(), built, "npm ci --prefix tests/browser && node src/report/style/build.mjs");
    }

    #[test]
    fn own_style_and_script_cannot_end_their_element() {
        for text in [STYLE, BEFORE, OF_CHARTS, OF_STUDY, LIVE, OF_SINGLE_FILE] {
            assert!(!text.contains("</"), "raw text must not close its element");
        }
    }
}
