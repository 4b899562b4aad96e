//! What is known of a family of models besides its networks.

/// A family of models, as data.
#[derive(Clone, Copy, Debug)]
pub struct FamilyData {
    /// Width of the tokens that its denoiser attends to.
    pub context: usize,
    /// What a checkpoint in one file does not hold.
    pub single_file: SingleFile,
    /// What other programs call its adapters.
    pub label: Label,
}

/// A checkpoint of the family in one file.
#[derive(Clone, Copy, Debug)]
pub struct SingleFile {
    /// `unet/config.json`, the keys that matter.
    pub unet: &'static str,
    /// `vae/config.json`, the keys that matter.
    pub vae: &'static str,
    /// `text_encoder/config.json`, the keys that matter.
    pub text_encoder: &'static str,
    /// How the text encoder's tensors are called.
    pub text_names: TextNames,
    /// Whether there are checkpoints that predict v.
    pub may_predict_v: bool,
    /// Models of the Hub that have the family's vocabulary in their `tokenizer` folder.
    pub vocabularies: &'static [&'static str],
}

/// Whose names a text encoder's tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextNames {
    /// Hugging Face's, below `cond_stage_model.transformer.`.
    HuggingFace,
    /// OpenCLIP's, below `cond_stage_model.model.`.
    OpenClip,
}

/// The words of sd-scripts (`library/train_util.py`, `library/sai_model_spec.py`) and of
/// [ModelSpec](https://github.com/Stability-AI/ModelSpec) for a family's adapters.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// `ss_base_model_version` of models that predict noise.
    pub version: &'static str,
    /// `ss_base_model_version` of models that predict v.
    pub version_v: &'static str,
    /// `ss_v2`: whether it is Stable Diffusion 2.
    pub v2: bool,
    /// `modelspec.architecture` of models that predict noise.
    pub architecture: &'static str,
    /// `modelspec.architecture` of models that predict v.
    pub architecture_v: &'static str,
}
