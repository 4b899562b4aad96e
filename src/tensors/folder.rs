//! Which files a model's folder has.

/// A part of a model with weights: one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPart {
    /// Its folder, e.g. `unet`; empty for the folder of the model itself. Its configuration is `config.json` there.
    pub folder: &'static str,
    /// The name of its weight file without the end, e.g. `diffusion_pytorch_model`.
    pub stem: &'static str,
    /// Its class in `model_index.json`, e.g. `UNet2DConditionModel`; empty for a model without such a file.
    pub class: &'static str,
    /// The folder of a text encoder's tokenizer.
    pub tokenizer: Option<&'static str>,
}

impl ModelPart {
    /// The names that its weights can have, relative to the model's folder, with the variant of each (`fp16`), in the
    /// order of preference.
    #[must_use]
    pub fn weights(&self) -> Vec<(String, Option<&'static str>)> {
        let names = weight_names(self.stem).into_iter();
        names.map(|(name, variant)| (in_folder(self.folder, &name), variant)).collect()
    }

    /// The name of its configuration, relative to the model's folder.
    #[must_use]
    pub fn config(&self) -> String {
        in_folder(self.folder, "config.json")
    }
}

/// The files of a folder that a model needs. Names are relative to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// The classes of pipelines, in `model_index.json`, whose models have these files.
    pub pipelines: &'static [&'static str],
    /// The configurations of the whole model, without which nothing can be loaded.
    pub shared: &'static [&'static str],
    /// The networks, in the order in which their files count for the model's hash.
    pub parts: &'static [ModelPart],
    /// What a tokenizer's folder can have.
    pub tokenizer: &'static [&'static str],
    /// Files that are used where they are there.
    pub optional: &'static [&'static str],
}

impl ModelFolder {
    /// The file that lists the components of a model.
    pub const INDEX: &'static str = "model_index.json";
    /// The configuration of the scheduler.
    pub const SCHEDULER: &'static str = "scheduler/scheduler_config.json";

    /// The configurations without which nothing can be loaded.
    #[must_use]
    pub fn configs(&self) -> Vec<String> {
        let parts = self.parts.iter().map(ModelPart::config);
        self.shared.iter().map(|name| (*name).to_owned()).chain(parts).collect()
    }

    /// The folders of the tokenizers.
    pub fn tokenizers(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().filter_map(|part| part.tokenizer)
    }
}

/// The names that weights can have in their folder, with the variant of each, in the order of preference: full
/// precision before half, one file before a list of shards. diffusers writes the list of a variant as
/// `<stem>.safetensors.index.fp16.json`; some repositories have `<stem>.fp16.safetensors.index.json`.
#[must_use]
pub fn weight_names(stem: &str) -> Vec<(String, Option<&'static str>)> {
    let mut names = vec![(format!("{stem}.safetensors"), None), (format!("{stem}.safetensors.index.json"), None)];
    for variant in VARIANTS {
        let ends = [
            format!("{variant}.safetensors"),
            format!("safetensors.index.{variant}.json"),
            format!("{variant}.safetensors.index.json"),
        ];
        names.extend(ends.map(|end| (format!("{stem}.{end}"), Some(variant))));
    }
    names
}

/// The variants of weights that are read where there are no others.
pub const VARIANTS: [&str; 2] = ["fp16", "bf16"];

/// The path of a file in a folder of the model; an empty folder is the model's own.
#[must_use]
pub fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
