//! `[model]`: the base model and where it runs.

use std::path::Path;

use super::layers::neighbour;
use super::problem::Problem;
use super::reader::{Reader, resolve};
use super::settings::{Base, Device, Dtype, Model};
use super::source::Origin;
use crate::choice::ModelId;

pub(super) const KEYS: &[&str] = &["model.base", "model.dtype", "model.device", "model.low_memory"];

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Model> {
    let base = read_base(reader);
    let dtype = reader.choice("model.dtype", &[("f32", Dtype::F32), ("bf16", Dtype::Bf16), ("f16", Dtype::F16)]);
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
        let mut problem = Problem::error(origin.value(), format!("{text} is no .safetensors file")).expected(EXPECTED);
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
    // A pipe or a device is there, and of no use.
    let what = if path.exists() { "is no ordinary file or folder" } else { "does not exist" };
    let near = near.filter(|near| near != text);
    Problem::error(origin.value(), format!("`{key}`: {text} {what}")).suggestion(near).help(help)
}

/// A path that exists and would do, written the way the user wrote theirs.
fn similar(text: &str, path: &Path, would_do: &dyn Fn(&Path) -> bool) -> Option<String> {
    let near = neighbour(path, would_do)?;
    let name = Path::new(&near).file_name()?;
    Some(Path::new(text).with_file_name(name).display().to_string())
}

fn is_model(path: &Path) -> bool {
    path.is_dir() || has_extension(path, "safetensors")
}

fn looks_like_a_path(text: &str) -> bool {
    let path = Path::new(text);
    path.is_absolute() || text.starts_with(['.', '~', '/', '\\']) || has_extension(path, "safetensors")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// `owner/name` or `owner/name@revision`.
fn hub_id(text: &str) -> Option<Base> {
    text.parse::<ModelId>().ok()?;
    let (id, revision) = text.split_once('@').map_or((text, None), |(id, revision)| (id, Some(revision)));
    Some(Base::Hub { id: id.to_owned(), revision: revision.map(str::to_owned) })
}

fn read_device(reader: &mut Reader<'_>) -> Option<Device> {
    const EXPECTED: &str = "auto, cpu, cuda, cuda:<number> or metal";
    let text = reader.text("model.device", "\"auto\"")?;
    let cuda = || text.strip_prefix("cuda:")?.parse().ok().filter(|number| *number < 1024).map(Device::Cuda);
    let device = match text.as_str() {
        "auto" => Some(Device::Auto),
        "cpu" => Some(Device::Cpu),
        "cuda" => Some(Device::Cuda(0)),
        "metal" => Some(Device::Metal),
        _ => cuda(),
    };
    if device.is_none() {
        let message = format!("`model.device` cannot be \"{}\"", super::problem::printable(&text));
        let suggestion = super::problem::did_you_mean(&text, ["auto", "cpu", "cuda", "metal"]);
        reader.push(Problem::error(reader.place("model.device"), message).expected(EXPECTED).suggestion(suggestion));
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
