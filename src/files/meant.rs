//! What was probably meant by a folder that lacks the files that make it a model.

use std::path::{Path, PathBuf};

/// More entries than this are not looked at.
const MOST: usize = 1000;
/// Folders that the Hub's cache has between a model's name and its files.
const SNAPSHOTS: &str = "snapshots";

/// What to name instead of `folder`, which has none of the files `wanted`: the model it is a part of, a model in it,
/// or, with `file`, a checkpoint in it. `None` if nothing of the kind is there.
#[must_use]
pub fn instead(folder: &Path, wanted: &[&str], file: bool) -> Option<String> {
    let is_model = |folder: &Path| wanted.iter().any(|name| folder.join(name).is_file());
    if folder.join("config.json").is_file()
        && let Some(parent) = folder.parent().filter(|parent| is_model(parent))
    {
        return Some(format!("it is one part of a model: name the folder above it, {}", shown(parent)));
    }
    let mut inside = entries(folder);
    inside.extend(entries(&folder.join(SNAPSHOTS)));
    let models: Vec<&PathBuf> = inside.iter().filter(|path| is_model(path)).collect();
    if let Some(first) = models.first() {
        let more = match models.len() {
            1 => String::new(),
            several => format!(", or another of the {several} there"),
        };
        return Some(format!("name the model's own folder: {}{more}", first.display()));
    }
    let checkpoint = |path: &&PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("safetensors"));
    let found = inside.iter().find(checkpoint).filter(|path| file && path.is_file())?;
    Some(format!("if {} is a checkpoint in one file, name it", found.display()))
}

/// What lies in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().take(MOST).filter_map(Result::ok);
    let mut found: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// A folder by its path; the working folder has an empty one.
fn shown(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".to_owned() } else { folder.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_near_a_model_leads_to_it() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        };
        make("models/a/model_index.json");
        make("models/a/unet/config.json");
        let of = |folder: &str| instead(&root.path().join(folder), &["model_index.json"], true).unwrap_or_default();
        let path = |name: &str| root.path().join(name).display().to_string();
        assert_eq!(
            of("models/a/unet"),
            format!("it is one part of a model: name the folder above it, {}", path("models/a"))
        );
        assert_eq!(of("models"), format!("name the model's own folder: {}", path("models/a")));
        make("models/b/model_index.json");
        assert!(of("models").ends_with(", or another of the 2 there"), "{}", of("models"));
        make("models--owner--name/snapshots/0123/model_index.json");
        make("models--owner--name/refs/main");
        assert!(of("models--owner--name").ends_with(&path("models--owner--name/snapshots/0123")));
        make("one/model.safetensors");
        assert_eq!(of("one"), format!("if {} is a checkpoint in one file, name it", path("one/model.safetensors")));
        assert_eq!(instead(&root.path().join("one"), &["model_index.json"], false), None);
        make("photos/a.jpg");
        assert_eq!((of("photos"), of("nowhere")), (String::new(), String::new()));
    }
}
