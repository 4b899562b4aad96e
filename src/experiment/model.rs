//! `[model]`: the base model and where it runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths::{has_extension, missing, resolve, similar};
use super::problem::Problem;
use super::reader::Reader;
use super::similar::did_you_mean;
use super::value::printable;
use crate::choice::{Device, Dtype, ModelId};

/// `[model]`: the base model and where it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// A diffusers folder, a single-file checkpoint or a Hub id.
    pub base: Base,
    /// Storage type of the frozen base weights; adapter and optimizer stay f32.
    pub dtype: Dtype,
    /// `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
    pub device: Device,
    /// On the CPU, convolutions take less memory and more time.
    pub low_memory: bool,
}

/// Where the base model comes from.
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

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Model> {
    let base = read_base(reader);
    let dtype = reader.choice("model.dtype");
    let device = read_device(reader);
    let low_memory = reader.flag("model.low_memory");
    Some(Model { base: base?, dtype: dtype?, device: device?, low_memory: low_memory? })
}

fn read_base(reader: &mut Reader<'_>) -> Option<Base> {
    const EXPECTED: &str =
        "a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision";
    let text = reader.text("model.base", "\"owner/name\"")?;
    let origin = reader.entry("model.base")?.origin.clone();
    if text.trim().is_empty() || text.contains(char::is_control) {
        reader.push(Problem::error(origin.value(), "`model.base` is empty or not one line").expected(EXPECTED));
        return None;
    }
    let path = resolve(&text, &origin);
    if path.is_dir() {
        if path.join("model_index.json").is_file() {
            return Some(Base::Folder(path));
        }
        let message = format!("the folder {text} has no model_index.json");
        let help = "give the folder of the whole pipeline, with unet, vae, text_encoder, tokenizer and scheduler";
        reader.push(Problem::error(origin.value(), message).expected("a diffusers folder").help(help));
        return None;
    }
    if path.is_file() {
        if has_extension(&path, "safetensors") {
            return Some(Base::File(path));
        }
        let mut problem =
            Problem::error(origin.value(), format!("{text} is not a .safetensors file")).expected(EXPECTED);
        if ["ckpt", "pt", "bin", "pth"].iter().any(|e| has_extension(&path, e)) {
            problem = problem.help("pickle files can run code when they are opened: convert it to .safetensors first");
        }
        reader.push(problem);
        return None;
    }
    if looks_like_a_path(&text) {
        reader.push(missing("model.base", &text, &path, &origin, &is_model).expected(EXPECTED));
        return None;
    }
    let Some(hub) = hub_id(&text) else {
        let message = format!("`model.base` is neither a path that exists nor a Hub id: \"{text}\"");
        reader.push(
            Problem::error(origin.value(), message).expected(EXPECTED).suggestion(similar(&text, &path, &is_model)),
        );
        return None;
    };
    // `models/toywrld` looks like a Hub id; if there is a folder `models` here, it is more likely a typo.
    if path.parent().is_some_and(Path::is_dir) {
        let message = format!("there is no folder {text} here, so it is taken as a Hub id");
        let near = similar(&text, &path, &is_model);
        let help = "write ./ before a path to say that it is one";
        reader.push(Problem::warning(origin.value(), message).suggestion(near).help(help));
    }
    Some(hub)
}

fn is_model(path: &Path) -> bool {
    path.is_dir() || has_extension(path, "safetensors")
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

fn read_device(reader: &mut Reader<'_>) -> Option<Device> {
    let text = reader.text("model.device", "\"auto\"")?;
    let device = Device::parse(&text);
    if device.is_none() {
        let message = format!("`model.device` cannot be \"{}\"", printable(&text));
        let suggestion = did_you_mean(&text, Device::WORDS);
        let problem = Problem::error(reader.place("model.device"), message).expected(Device::EXPECTED);
        reader.push(problem.suggestion(suggestion));
    }
    device
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
