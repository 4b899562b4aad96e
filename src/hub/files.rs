//! Which files of a model's repository are needed.

use std::cmp::Reverse;
use std::path::Path;

use super::{names, sound};
use crate::files::pickle::is_pickle;
use crate::tensors::texts::small_text;
use crate::tensors::{ModelFolder, ModelPart, VARIANTS, in_folder};

/// The kind of folder that `model_index.json` names. What is there alone does not tell it: a model with two text
/// encoders, of which one is not there yet, looks like a whole one with one.
fn named<'a>(kinds: &[&'a ModelFolder], folder: &Path) -> Option<&'a ModelFolder> {
    let text = small_text(&folder.join(ModelFolder::INDEX)).ok()?;
    let index: serde_json::Value = serde_json::from_str(&text).ok()?;
    let class = index.get("_class_name")?.as_str()?;
    kinds.iter().copied().find(|kind| kind.pipelines.contains(&class))
}

/// What a folder lacks; `has` says whether it has a file. Of several kinds of folders the fitting one counts.
pub(super) fn missing(kinds: &[&ModelFolder], has: &dyn Fn(&str) -> bool) -> Vec<String> {
    fitting(kinds, has).map(|model| lacking(model, has)).unwrap_or_default()
}

/// The kind of folder of which least is missing; of several that are whole, the one with the most parts.
fn fitting<'a>(kinds: &[&'a ModelFolder], has: &dyn Fn(&str) -> bool) -> Option<&'a ModelFolder> {
    kinds.iter().copied().min_by_key(|model| (lacking(model, has).len(), Reverse(model.parts.len())))
}

/// What a folder of one kind lacks. A list of shards counts as weights: the shards themselves are checked when the
/// weights are opened.
fn lacking(model: &ModelFolder, has: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut missing: Vec<String> = model.configs().into_iter().filter(|name| !has(name)).collect();
    for folder in model.tokenizers() {
        let file = |name: &str| has(&format!("{folder}/{name}"));
        let readable = file("tokenizer.json") || (file("vocab.json") && file("merges.txt"));
        if !readable {
            missing.push(format!("{folder}/vocab.json and {folder}/merges.txt"));
        }
    }
    for part in model.parts {
        if part.weights().iter().all(|(name, _)| !has(name)) {
            missing.push(in_folder(part.folder, &format!("{}.safetensors", part.stem)));
        }
    }
    missing
}

/// The pickles that stand in the place of weights, if a repository lacks nothing but these; otherwise none.
pub(super) fn pickles(kinds: &[&ModelFolder], listed: &[String]) -> Vec<String> {
    let has = |name: &str| listed.iter().any(|n| n == name);
    let Some(model) = fitting(kinds, &has) else { return Vec::new() };
    let of = |part: &ModelPart| -> Vec<String> {
        let folder = |name: &String| name.rsplit_once('/').map_or("", |(folder, _)| folder) == part.folder;
        listed.iter().filter(|name| folder(name) && is_pickle(Path::new(name))).cloned().collect()
    };
    let lacks = |part: &&ModelPart| part.weights().iter().all(|(name, _)| !has(name));
    let found: Vec<Vec<String>> = model.parts.iter().filter(lacks).map(of).collect();
    let only = found.len() == lacking(model, &has).len() && found.iter().all(|files| !files.is_empty());
    if only { found.concat() } else { Vec::new() }
}

/// The files that may be checkpoints in one file, sorted.
pub(super) fn checkpoints(listed: &[String]) -> Vec<String> {
    let mut names: Vec<String> =
        listed.iter().filter(|name| !name.contains('/') && name.ends_with(".safetensors")).cloned().collect();
    names.sort();
    names
}

/// What a folder of the cache lacks or has in a state that cannot be right, as far as that is cheap to know.
pub(super) fn incomplete(kinds: &[&ModelFolder], folder: &Path) -> Vec<String> {
    let there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    let Some(model) = named(kinds, folder).or_else(|| fitting(kinds, &there)) else { return Vec::new() };
    let mut lacking = lacking(model, &there);
    let mut names = model.configs();
    names.extend(
        model.tokenizers().flat_map(|folder| model.tokenizer.iter().map(move |name| format!("{folder}/{name}"))),
    );
    names.extend(model.optional.iter().map(|name| (*name).to_owned()));
    // Of the weights the first that is there is the one that is opened.
    let first = |part: &ModelPart| part.weights().into_iter().map(|(name, _)| name).find(|name| there(name));
    names.extend(model.parts.iter().filter_map(first));
    names.retain(|name| there(name));
    for list in names.clone().iter().filter(|name| name.contains(".safetensors.index.")) {
        let part = list.rsplit_once('/').map_or("", |(part, _)| part);
        names.extend(sound::shards(&folder.join(list)).into_iter().flatten().map(|shard| in_folder(part, &shard)));
    }
    for name in names.iter().filter(|name| is_plain(name)) {
        lacking.extend(match sound::fault(&folder.join(name)) {
            Some("missing") => Some(name.clone()),
            Some(fault) => Some(format!("{name} ({fault})")),
            None => None,
        });
    }
    lacking
}

/// `model_index.json`, if the repository has it and models of these kinds do.
pub(super) fn index<'a>(kinds: &[&ModelFolder], listed: &'a [String]) -> Option<&'a str> {
    let of_kinds = kinds.iter().any(|kind| kind.shared.contains(&ModelFolder::INDEX));
    listed.iter().map(String::as_str).find(|name| of_kinds && *name == ModelFolder::INDEX)
}

/// The files to download of those the repository lists, each a plain relative path: configurations, and all others.
/// Both are sorted.
pub(super) fn wanted<'a>(kinds: &[&ModelFolder], listed: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    let has = |name: &str| listed.iter().any(|n| n == name);
    let Some(model) = fitting(kinds, &has) else { return (Vec::new(), Vec::new()) };
    let configs = model.configs();
    let mut chosen: Vec<&'a str> = Vec::new();
    for part in model.parts {
        let Some((first, variant)) = part.weights().into_iter().find(|(name, _)| has(name)) else { continue };
        chosen.extend(listed.iter().map(String::as_str).filter(|name| *name == first));
        if first.ends_with(".json") {
            let beginning = in_folder(part.folder, part.stem);
            chosen.extend(listed.iter().map(String::as_str).filter(|name| is_shard(name, &beginning, variant)));
        }
    }
    chosen.extend(listed.iter().map(String::as_str).filter(|name| {
        let tokenizer = name.split_once('/').is_some_and(|(folder, file)| {
            model.tokenizers().any(|known| known == folder) && model.tokenizer.contains(&file)
        });
        tokenizer || configs.iter().any(|config| config == name) || model.optional.contains(name)
    }));
    chosen.retain(|name| is_plain(name));
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().partition(|name| configs.iter().any(|config| config == name))
}

/// Whether a file is a shard of these weights: `<stem>-00001-of-00002.safetensors`, with the variant in front of the
/// number or of the end.
fn is_shard(name: &str, beginning: &str, variant: Option<&str>) -> bool {
    let Some(rest) = name.strip_prefix(beginning).and_then(|rest| rest.strip_suffix(".safetensors")) else {
        return false;
    };
    let of = |variant: &str| rest.starts_with(&format!(".{variant}-")) || rest.ends_with(&format!(".{variant}"));
    rest.contains("-of-") && VARIANTS.iter().all(|known| of(known) == (variant == Some(*known)))
}

/// At most one folder deep, nothing hidden, no way out of the snapshot.
fn is_plain(name: &str) -> bool {
    name.split('/').count() <= 2 && name.split('/').all(names::is_plain_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn part(folder: &'static str, stem: &'static str, tokenizer: Option<&'static str>) -> ModelPart {
        ModelPart { folder, stem, class: "", tokenizer }
    }

    const MODEL: ModelFolder = ModelFolder {
        pipelines: &[],
        shared: &[ModelFolder::INDEX, ModelFolder::SCHEDULER],
        parts: &[
            part("text_encoder", "model", Some("tokenizer")),
            part("unet", "diffusion_pytorch_model", None),
            part("vae", "diffusion_pytorch_model", None),
        ],
        tokenizer: &["vocab.json", "merges.txt", "tokenizer.json"],
        optional: &[],
    };

    /// A larger kind, as that of a family with two text encoders.
    const LARGER: ModelFolder = ModelFolder {
        parts: &[
            part("text_encoder", "model", Some("tokenizer")),
            part("text_encoder_2", "model", Some("tokenizer_2")),
            part("unet", "diffusion_pytorch_model", None),
            part("vae", "diffusion_pytorch_model", None),
        ],
        ..MODEL
    };

    /// The names of all files that are wanted, sorted.
    fn all<'a>(kinds: &[&ModelFolder], listed: &'a [String]) -> Vec<&'a str> {
        let (small, large) = wanted(kinds, listed);
        assert!(small.iter().all(|name| name.ends_with("config.json") || *name == ModelFolder::INDEX), "{small:?}");
        let mut all = [small, large].concat();
        all.sort_unstable();
        all
    }

    fn listing(names: &[&str]) -> Vec<String> {
        MODEL.configs().into_iter().chain(names.iter().map(|n| (*n).to_owned())).collect()
    }

    #[test]
    fn full_precision_is_preferred_and_fp16_taken_where_it_is_all_there_is() {
        let names = listing(&[
            "v1-5-pruned.ckpt",
            "README.md",
            "tokenizer/vocab.json",
            "tokenizer/merges.txt",
            "text_encoder/model.fp16.safetensors",
            "text_encoder/model.safetensors",
            "text_encoder/pytorch_model.bin",
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "vae/diffusion_pytorch_model.safetensors.index.json",
            "vae/diffusion_pytorch_model-00001-of-00002.safetensors",
            "vae/diffusion_pytorch_model-00002-of-00002.safetensors",
            "vae/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
        ]);
        let wanted = all(&[&MODEL], &names);
        assert_eq!(wanted.len(), MODEL.configs().len() + 2 + 1 + 1 + 3, "{wanted:?}");
        assert!(wanted.contains(&"text_encoder/model.safetensors"));
        assert!(!wanted.contains(&"text_encoder/model.fp16.safetensors"));
        assert!(wanted.contains(&"unet/diffusion_pytorch_model.fp16.safetensors"));
        assert!(missing(&[&MODEL], &|name| names.iter().any(|n| n == name)).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let names = listing(&["unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.safetensors"]);
        let lacking = missing(&[&MODEL], &|name| names.iter().any(|n| n == name));
        assert_eq!(
            lacking,
            [
                "tokenizer/vocab.json and tokenizer/merges.txt",
                "text_encoder/model.safetensors",
                "unet/diffusion_pytorch_model.safetensors"
            ]
        );
    }

    #[test]
    fn a_model_may_lie_in_the_folder_itself() {
        const ENCODER: ModelFolder = ModelFolder {
            pipelines: &[],
            shared: &[],
            parts: &[part("", "model", None)],
            tokenizer: &[],
            optional: &["vocab.json"],
        };
        let names = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.json", "onnx/model.safetensors"];
        let names = names.map(String::from);
        assert_eq!(all(&[&ENCODER], &names), ["config.json", "model.safetensors", "vocab.json"]);
        let has = |name: &str| name == "config.json";
        assert_eq!(missing(&[&ENCODER], &has), ["model.safetensors"]);
        assert_eq!(pickles(&[&ENCODER], &names), [""; 0]);
        let only = ["config.json", "pytorch_model.bin", "onnx/model.bin", "tf_model.h5"].map(String::from);
        assert_eq!(pickles(&[&ENCODER], &only), ["pytorch_model.bin"]);
        assert_eq!(pickles(&[&ENCODER], &only[1..]), [""; 0], "the configuration is missing, too");
        assert_eq!(pickles(&[&ENCODER], &only[..1]), [""; 0], "there are no weights at all");
        let sharded = ["model.safetensors.index.json", "model-00001-of-00002.safetensors"].map(String::from);
        assert_eq!(all(&[&ENCODER], &sharded), ["model-00001-of-00002.safetensors", "model.safetensors.index.json"]);
    }

    #[test]
    fn shards_of_other_variants_are_not_downloaded() {
        let shards = ["a-00001-of-00002", "a.fp16-00001-of-00001", "a-00001-of-00001.fp16", "a.bf16-00001-of-00001"];
        let is = |variant| shards.map(|name| is_shard(&format!("unet/{name}.safetensors"), "unet/a", variant));
        assert_eq!(is(None), [true, false, false, false]);
        assert_eq!(is(Some("fp16")), [false, true, true, false]);
        assert_eq!(is(Some("bf16")), [false, false, false, true]);
        for other in ["unet/a.safetensors", "unet/ab-of-.bin", "vae/a-00001-of-00002.safetensors"] {
            assert!(!is_shard(other, "unet/a", None), "{other}");
        }
    }

    #[test]
    fn hostile_names_are_never_downloaded() {
        let names: Vec<String> = [
            "unet/../../diffusion_pytorch_model.safetensors",
            "unet/diffusion_pytorch_model.safetensors.index.json",
            "unet/diffusion_pytorch_model/../-of-.safetensors",
        ]
        .map(String::from)
        .to_vec();
        assert_eq!(all(&[&MODEL], &names), ["unet/diffusion_pytorch_model.safetensors.index.json"]);
    }
    #[test]
    fn the_kind_of_folder_follows_from_the_files() {
        let small = listing(&[
            "tokenizer/tokenizer.json",
            "text_encoder/model.safetensors",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ]);
        let second = ["text_encoder_2/config.json", "text_encoder_2/model.safetensors", "tokenizer_2/tokenizer.json"];
        let large: Vec<String> = small.iter().cloned().chain(second.map(str::to_owned)).collect();
        for kinds in [[&MODEL, &LARGER], [&LARGER, &MODEL]] {
            assert_eq!(all(&kinds, &small).len(), small.len());
            assert_eq!(all(&kinds, &large).len(), large.len());
            let lacking = missing(&kinds, &|name| large[1..].iter().any(|n| n == name));
            assert_eq!(lacking, ["model_index.json"]);
        }
    }

    /// A half of a model with two text encoders is not a whole one with one.
    #[test]
    fn the_index_names_the_kind_of_folder() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = [&ModelFolder { pipelines: &["One"], ..MODEL }, &ModelFolder { pipelines: &["Two"], ..LARGER }];
        let empty = [&2u64.to_le_bytes()[..], b"{}"].concat();
        for part in MODEL.parts {
            let there = folder.path().join(part.folder);
            std::fs::create_dir_all(&there).unwrap();
            std::fs::write(there.join("config.json"), "{}").unwrap();
            std::fs::write(there.join(format!("{}.safetensors", part.stem)), &empty).unwrap();
        }
        for (name, text) in [("tokenizer/tokenizer.json", "{}"), (ModelFolder::SCHEDULER, "{}")] {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let lacking = |index: &str| {
            std::fs::write(folder.path().join(ModelFolder::INDEX), index).unwrap();
            incomplete(&kinds, folder.path())
        };
        assert_eq!(lacking(r#"{"_class_name": "One"}"#), [""; 0]);
        let two = lacking(r#"{"_class_name": "Two"}"#);
        assert!(two.iter().any(|name| name == "text_encoder_2/model.safetensors"), "{two:?}");
        assert_eq!(lacking("not JSON"), [""; 0], "the files tell it");
    }
}
