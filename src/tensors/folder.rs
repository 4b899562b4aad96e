//! Which files a model's folder has.

/// A part of a model with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightsPart {
    /// Its folder, e.g. `unet`; empty for the folder of the model itself.
    pub folder: &'static str,
    /// The name of its weight file without the end, e.g. `diffusion_pytorch_model`.
    pub stem: &'static str,
}

/// The files of a folder that a model needs. Names are relative to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// The parts with weights.
    pub weights: &'static [WeightsPart],
    /// Configurations without which nothing can be loaded.
    pub configs: &'static [&'static str],
    /// What the folder `tokenizer` can have; empty for a model without one.
    pub tokenizer: &'static [&'static str],
    /// Files that are used where they are there.
    pub optional: &'static [&'static str],
}
