//! `name` and `title`: what the study is called.

use super::problem::Problem;
use super::reader::Reader;

/// Longest name; it becomes a folder.
const MAX_NAME: usize = 64;
/// Longest title; it becomes a headline.
const MAX_TITLE: usize = 300;

/// Reads name and title. Without a name the file's own name is taken, without a title the name.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<(String, String)> {
    let name = match reader.entry("name") {
        Some(_) => reader.text("name", "…"),
        None => Some(reader.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()),
    };
    let title = match reader.entry("title") {
        Some(_) => reader.text("title", "…"),
        None => Some(String::new()),
    };
    let name = name.filter(|name| check_name(reader, name));
    if let Some(title) = &title
        && (title.chars().count() > MAX_TITLE || title.contains(char::is_control))
    {
        let problem = Problem::error(reader.place("title"), "`title` is too long or has control characters");
        reader.push(problem.expected(format!("one line of at most {MAX_TITLE} characters")));
    }
    let (name, title) = (name?, title?);
    let title = if title.trim().is_empty() { name.clone() } else { title };
    Some((name, title))
}

/// The name becomes the folder `reports/<name>`, on every system.
fn check_name(reader: &mut Reader<'_>, name: &str) -> bool {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let port = stem.len() == 4
        && (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.ends_with(|c: char| c.is_ascii_digit());
    let fine = !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.starts_with(['.', '-'])
        && !name.ends_with('.')
        && !RESERVED.contains(&stem.as_str())
        && !port;
    if !fine {
        let message = format!("`name` cannot be {}", super::value::shown(&name.into()));
        reader.push(
            Problem::error(reader.place("name"), message)
                .expected(format!("letters, digits, `-`, `_` and `.`, at most {MAX_NAME}"))
                .help("it becomes the folder reports/<name>; the title may hold anything"),
        );
    }
    fine
}
