//! Lines fit on a screen, the links of the documents lead somewhere, and the README stays short.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The widest line, in characters; `rustfmt.toml` says the same, but rustfmt leaves comments and strings alone.
const COLUMNS: usize = 120;
/// The longest README, in lines.
const README_LINES: usize = 130;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with this ending in `folder` and the folders inside.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    entries.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

/// The path as seen from the repository.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The documents that people read.
fn documents() -> Vec<PathBuf> {
    let mut all: Vec<_> = ["README.md", "CHANGELOG.md", "SECURITY.md"].iter().map(|name| root().join(name)).collect();
    all.extend(files(&root().join("docs"), "md"));
    all
}

/// `file:line: width` of every line that is too wide. Let through are rows of tables in documents, lines with an
/// address, which cannot be broken, and the tests of messages, which hold the messages as users see them.
fn too_wide(path: &Path) -> Vec<String> {
    let document = path.extension().is_some_and(|e| e == "md");
    if short(path).starts_with("src/experiment/tests") {
        return Vec::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let address = |line: &str| (document || line.trim_start().starts_with("//")) && line.contains("https://");
    let through = |line: &str| (document && line.starts_with('|')) || address(line);
    let lines = text.lines().enumerate().filter(|(_, line)| !through(line));
    lines
        .map(|(index, line)| (index + 1, line.chars().count()))
        .filter(|(_, width)| *width > COLUMNS)
        .map(|(line, width)| format!("{}:{line}: {width} columns", short(path)))
        .collect()
}

#[test]
fn no_line_is_too_wide() {
    let folders = ["src", "tests", "benches", "experiments"];
    let mut all: Vec<_> = folders.iter().flat_map(|folder| files(&root().join(folder), "rs")).collect();
    all.push(root().join("build.rs"));
    all.extend(documents());
    let wide: Vec<_> = all.iter().flat_map(|path| too_wide(path)).collect();
    assert!(wide.is_empty(), "{} lines have more than {COLUMNS} columns:\n{}", wide.len(), wide.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines: move what not every reader needs to docs/");
}

/// The text without code, in which brackets mean nothing: fenced blocks are emptied, spans are cut out.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second part lies between backticks.
            out.extend(line.split('`').step_by(2));
        }
        out.push('\n');
    }
    out
}

/// The targets of all links and images, `](target)`; a label may go over lines.
fn links(text: &str) -> Vec<String> {
    let text = without_code(text);
    text.match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split_once(')'))
        .map(|(target, _)| target.split_whitespace().collect())
        .collect()
}

/// The anchors of all headings as GitHub makes them: small letters, digits, `_` and `-`; spaces are `-`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase();
        // The second heading of a name gets `-1`, the third `-2`.
        let repeated = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(repeated).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// Why a link of `document` leads nowhere.
fn fault(document: &Path, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { document.to_owned() } else { document.parent().unwrap().join(path) };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    if anchor.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor) {
        return None;
    }
    Some("there is no such heading".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    for document in documents() {
        for link in links(&fs::read_to_string(&document).unwrap()) {
            if let Some(fault) = fault(&document, &link) {
                faults.push(format!("{}: {link}: {fault}", short(&document)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn links_and_anchors_are_found() {
    let text =
        "# On a `GPU`: f32\n## Twice\n![over two\nlines](a.png) [b](c.md#d) `[x](y)`\n```\n# no\n[x](y)\n```\n## Twice";
    assert_eq!(links(text), ["a.png", "c.md#d"]);
    assert_eq!(anchors(text), ["on-a-gpu-f32", "twice", "twice-1"].map(str::to_owned).into());
    assert_eq!(fault(&root().join("README.md"), "no.md").as_deref(), Some("there is no such file"));
}
