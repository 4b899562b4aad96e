//! Which files a model's folder has.

/// A part of a model with weights: one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPart {
    /// Its folder, e.g. `unet`. Its configuration is `<folder>/config.json`.
    pub folder: &'static str,
    /// The name of its weight file without the end, e.g. `diffusion_pytorch_model`.
    pub stem: &'static str,
    /// Its class in `model_index.json`, e.g. `UNet2DConditionModel`.
    pub class: &'static str,
    /// The folder of a text encoder's tokenizer.
    pub tokenizer: Option<&'static str>,
}

impl ModelPart {
    /// The name of its configuration, relative to the model's folder.
    #[must_use]
    pub fn config(&self) -> String {
        format!("{}/config.json", self.folder)
    }
}

/// The files of a diffusers folder that a family of models needs. Names are relative to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// The classes of pipelines, in `model_index.json`, whose models have these files.
    pub pipelines: &'static [&'static str],
    /// The networks, in the order in which their files count for the model's hash.
    pub parts: &'static [ModelPart],
    /// What a tokenizer's folder can have.
    pub tokenizer: &'static [&'static str],
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
        [Self::INDEX, Self::SCHEDULER].map(str::to_owned).into_iter().chain(parts).collect()
    }

    /// The folders of the tokenizers.
    pub fn tokenizers(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().filter_map(|part| part.tokenizer)
    }
}
