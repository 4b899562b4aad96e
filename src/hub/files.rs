//! Which files of a model's repository are needed.

use std::path::Path;

use super::{names, sound};
use crate::tensors::{ModelFolder, WeightsPart};

/// What a folder lacks; `has` says whether it has a file. A list of shards counts as weights: the shards
/// themselves are checked when the weights are opened.
pub(super) fn missing(model: &ModelFolder, has: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut missing: Vec<String> =
        model.configs.iter().filter(|name| !has(name)).map(|name| (*name).to_owned()).collect();
    let vocabulary = has("tokenizer/vocab.json") && has("tokenizer/merges.txt");
    if !model.tokenizer.is_empty() && !vocabulary && !has("tokenizer/tokenizer.json") {
        missing.push("tokenizer/vocab.json and tokenizer/merges.txt".to_owned());
    }
    for WeightsPart { folder, stem } in model.weights {
        if weight_files(folder, stem).iter().all(|name| !has(name)) {
            missing.push(in_folder(folder, &format!("{stem}.safetensors")));
        }
    }
    missing
}

/// What a folder of the cache lacks or has in a state that cannot be right, as far as that is cheap to know.
pub(super) fn incomplete(model: &ModelFolder, folder: &Path) -> Vec<String> {
    let there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    let mut lacking = missing(model, &there);
    let mut names: Vec<String> = model.configs.iter().map(|name| (*name).to_owned()).collect();
    names.extend(model.tokenizer.iter().map(|name| format!("tokenizer/{name}")));
    names.extend(model.optional.iter().map(|name| (*name).to_owned()));
    // Of the weights the first that is there is the one that is opened.
    let first = |part: &WeightsPart| weight_files(part.folder, part.stem).into_iter().find(|name| there(name));
    names.extend(model.weights.iter().filter_map(first));
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

/// The names a component's weights can have, in order of preference: full precision before fp16, one file
/// before shards.
fn weight_files(folder: &str, stem: &str) -> [String; 4] {
    [".safetensors", ".safetensors.index.json", ".fp16.safetensors", ".safetensors.index.fp16.json"]
        .map(|end| in_folder(folder, &format!("{stem}{end}")))
}

/// The path of a file in a folder of the model; an empty folder is the model's own.
fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The files to download of those the repository lists: sorted, each a plain relative path.
pub(super) fn wanted<'a>(model: &ModelFolder, listed: &'a [String]) -> Vec<&'a str> {
    let has = |name: &str| listed.iter().any(|n| n == name);
    let mut chosen: Vec<&'a str> = Vec::new();
    for WeightsPart { folder, stem } in model.weights {
        let Some(first) = weight_files(folder, stem).into_iter().position(|name| has(&name)) else { continue };
        let name = &weight_files(folder, stem)[first];
        chosen.extend(listed.iter().map(String::as_str).filter(|n| n == name));
        // The shards are `<stem>-00001-of-00002.safetensors`, with `.fp16` in front of the number or the end for a
        // variant.
        let (sharded, half) = (first % 2 == 1, first >= 2);
        chosen.extend(listed.iter().map(String::as_str).filter(|n| {
            sharded
                && n.strip_prefix(&in_folder(folder, stem))
                    .is_some_and(|rest| rest.ends_with(".safetensors") && rest.contains("-of-"))
                && n.contains(".fp16") == half
        }));
    }
    chosen.extend(listed.iter().map(String::as_str).filter(|name| {
        let tokenizer = name.strip_prefix("tokenizer/").is_some_and(|file| model.tokenizer.contains(&file));
        tokenizer || model.configs.contains(name) || model.optional.contains(name)
    }));
    chosen.retain(|name| is_plain(name));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// At most one folder deep, nothing hidden, no way out of the snapshot.
fn is_plain(name: &str) -> bool {
    name.split('/').count() <= 2 && name.split('/').all(names::is_plain_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelFolder = ModelFolder {
        weights: &[
            WeightsPart { folder: "text_encoder", stem: "model" },
            WeightsPart { folder: "unet", stem: "diffusion_pytorch_model" },
            WeightsPart { folder: "vae", stem: "diffusion_pytorch_model" },
        ],
        configs: &["model_index.json", "scheduler/scheduler_config.json", "unet/config.json"],
        tokenizer: &["vocab.json", "merges.txt", "tokenizer.json"],
        optional: &[],
    };

    fn listing(names: &[&str]) -> Vec<String> {
        MODEL.configs.iter().chain(names).map(|n| (*n).to_owned()).collect()
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
        let wanted = wanted(&MODEL, &names);
        assert_eq!(wanted.len(), MODEL.configs.len() + 2 + 1 + 1 + 3, "{wanted:?}");
        assert!(wanted.contains(&"text_encoder/model.safetensors"));
        assert!(!wanted.contains(&"text_encoder/model.fp16.safetensors"));
        assert!(wanted.contains(&"unet/diffusion_pytorch_model.fp16.safetensors"));
        assert!(missing(&MODEL, &|name| names.iter().any(|n| n == name)).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let names = listing(&["unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.safetensors"]);
        let lacking = missing(&MODEL, &|name| names.iter().any(|n| n == name));
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
            weights: &[WeightsPart { folder: "", stem: "model" }],
            configs: &["config.json"],
            tokenizer: &[],
            optional: &["vocab.json"],
        };
        let names = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.json", "onnx/model.safetensors"];
        let names = names.map(String::from);
        assert_eq!(wanted(&ENCODER, &names), ["config.json", "model.safetensors", "vocab.json"]);
        let has = |name: &str| name == "config.json";
        assert_eq!(missing(&ENCODER, &has), ["model.safetensors"]);
        let sharded = ["model.safetensors.index.json", "model-00001-of-00002.safetensors"].map(String::from);
        assert_eq!(wanted(&ENCODER, &sharded), ["model-00001-of-00002.safetensors", "model.safetensors.index.json"]);
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
        assert_eq!(wanted(&MODEL, &names), ["unet/diffusion_pytorch_model.safetensors.index.json"]);
    }
}
