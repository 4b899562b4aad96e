//! Paths that an experiment file names: where they lead, and the message for a path that does not exist.

use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::similar::did_you_mean;
use super::source::Origin;

/// A path relative to the place that names it, made absolute.
pub(super) fn resolve(path: &str, origin: &Origin) -> PathBuf {
    let joined = origin.folder().join(path);
    std::path::absolute(&joined).unwrap_or(joined)
}

/// A problem for a path that does not exist.
pub(super) fn missing(
    key: &str,
    text: &str,
    path: &Path,
    origin: &Origin,
    would_do: &dyn Fn(&Path) -> bool,
) -> Problem {
    let near = similar(text, path, would_do);
    let help = match origin {
        _ if text.starts_with("~") => "`~` is not expanded: write the whole path".to_owned(),
        Origin::File { .. } => "paths are relative to the file that names them".to_owned(),
        Origin::Text { .. } => "paths given here are relative to the working folder".to_owned(),
    };
    // Pipes and devices exist, but cannot be used.
    let what = if path.exists() { "is not an ordinary file or folder" } else { "does not exist" };
    let near = near.filter(|near| near != text);
    Problem::error(origin.value(), format!("`{key}`: {text} {what}")).suggestion(near).help(help)
}

/// A path that exists and would do, written the way the user wrote theirs.
pub(super) fn similar(text: &str, path: &Path, would_do: &dyn Fn(&Path) -> bool) -> Option<String> {
    let near = neighbour(path, would_do)?;
    let name = Path::new(&near).file_name()?;
    Some(Path::new(text).with_file_name(name).display().to_string())
}

/// A file or folder beside a missing `path` that would do and has a similar name, written like `path`.
pub(super) fn neighbour(path: &Path, would_do: &dyn Fn(&Path) -> bool) -> Option<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).ok()?.take(1000).filter_map(Result::ok).filter(|e| would_do(&e.path()));
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    let name = path.file_name()?.to_str()?;
    let similar = did_you_mean(name, names.iter().map(String::as_str))?;
    Some(path.with_file_name(similar).display().to_string())
}

/// Whether a file name has this extension, in capitals or not.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}
