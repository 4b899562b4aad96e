//! Where a model or a part of one comes from: a folder, a file or the Hub.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths::{has_extension, missing, resolve, similar};
use super::problem::Problem;
use super::reader::Reader;
use crate::choice::ModelId;
use crate::files::instead;
use crate::files::pickle::{convert_file, is_pickle};

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// A diffusers folder (with `model_index.json`).
    Folder(PathBuf),
    /// A single-file `.safetensors` checkpoint.
    File(PathBuf),
    /// `owner/name` or `owner/name@revision` on the Hub.
    Hub {
        /// `owner/name`
        id: String,
        /// Branch, tag or commit; `main` if not given.
        revision: Option<String>,
    },
}

impl Base {
    /// What people call it: the name of the folder or file, or the Hub id.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Folder(path) | Self::File(path) => {
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            Self::Hub { id, revision: None } => id.clone(),
            Self::Hub { id, revision: Some(revision) } => format!("{id}@{revision}"),
        }
    }
}

/// A setting that names a model or a part of one.
pub(super) struct Named {
    /// The setting.
    pub(super) key: &'static str,
    /// What it may be.
    pub(super) expected: &'static str,
    /// A folder is right if it has one of these files.
    pub(super) folder_has: &'static [&'static str],
    /// What to do about a folder that has none.
    pub(super) folder_help: &'static str,
    /// Whether it may be a file.
    pub(super) file: bool,
}

/// Reads and checks the setting.
pub(super) fn read(reader: &mut Reader<'_>, named: &Named) -> Option<Base> {
    let Named { key, expected, folder_has, folder_help, file } = *named;
    let text = reader.text(key, "\"owner/name\"")?;
    let origin = reader.entry(key)?.origin.clone();
    if text.trim().is_empty() || text.contains(char::is_control) {
        reader.push(Problem::error(origin.value(), format!("`{key}` is empty or not one line")).expected(expected));
        return None;
    }
    let path = resolve(&text, &origin);
    if path.is_dir() {
        if folder_has.iter().any(|name| path.join(name).is_file()) {
            return Some(Base::Folder(path));
        }
        let message = format!("the folder {text} has no {}", folder_has.join(" or "));
        let help = instead(&path, folder_has, file).unwrap_or_else(|| folder_help.to_owned());
        reader.push(Problem::error(origin.value(), message).expected(expected).help(help));
        return None;
    }
    if path.is_file() {
        if file && has_extension(&path, "safetensors") {
            return Some(Base::File(path));
        }
        let what = if file { "not a .safetensors file" } else { "a file" };
        let mut problem = Problem::error(origin.value(), format!("{text} is {what}")).expected(expected);
        if is_pickle(&path) {
            problem =
                problem.help(format!("pickles can run code when they are opened: {}", convert_file(Path::new(&text))));
        }
        reader.push(problem);
        return None;
    }
    let would_do = |path: &Path| path.is_dir() || file && has_extension(path, "safetensors");
    if looks_like_a_path(&text) {
        reader.push(missing(key, &text, &path, &origin, &would_do).expected(expected));
        return None;
    }
    let Some(hub) = hub_id(&text) else {
        let message = format!("`{key}` is neither a path that exists nor a Hub id: \"{text}\"");
        let near = similar(&text, &path, &would_do);
        reader.push(Problem::error(origin.value(), message).expected(expected).suggestion(near));
        return None;
    };
    // `models/toywrld` looks like a Hub id; if there is a folder `models` here, it is more likely a typo.
    if path.parent().is_some_and(Path::is_dir) {
        let message = format!("there is no folder {text} here, so it is taken as a Hub id");
        let near = similar(&text, &path, &would_do);
        let help = "write ./ before a path to say that it is one";
        reader.push(Problem::warning(origin.value(), message).suggestion(near).help(help));
    }
    Some(hub)
}

pub(super) fn looks_like_a_path(text: &str) -> bool {
    let path = Path::new(text);
    path.is_absolute() || text.starts_with(['.', '~', '/', '\\']) || has_extension(path, "safetensors")
}

/// `owner/name` or `owner/name@revision`.
pub(super) fn hub_id(text: &str) -> Option<Base> {
    text.parse::<ModelId>().ok()?;
    let (id, revision) = text.split_once('@').map_or((text, None), |(id, revision)| (id, Some(revision)));
    Some(Base::Hub { id: id.to_owned(), revision: revision.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_ids_are_told_from_paths() {
        let hub =
            |id: &str, revision: Option<&str>| Some(Base::Hub { id: id.into(), revision: revision.map(str::to_owned) });
        assert_eq!(hub_id("runwayml/stable-diffusion-v1-5"), hub("runwayml/stable-diffusion-v1-5", None));
        assert_eq!(hub_id("a/b@refs/pr/1"), hub("a/b", Some("refs/pr/1")));
        for text in ["name", "a/b/c", "../b", "a/..", "a/b@", "a/b@../x", "a b/c", "/a/b", "a//b", "é/b", "a--b/c"] {
            assert_eq!(hub_id(text), None, "{text}");
        }
        for text in ["./a", "../a", "/a", "a/b.safetensors", "~/x"] {
            assert!(looks_like_a_path(text), "{text}");
        }
    }
}
