//! What is known of a family of models besides its networks.

use super::prompts::PromptRules;
use crate::tensors::ModelFolder;

/// A family of models, as data.
#[derive(Clone, Copy, Debug)]
pub struct FamilyData {
    /// What people call it.
    pub name: &'static str,
    /// Width of the tokens that its denoiser attends to.
    pub context: usize,
    /// The files of a diffusers folder.
    pub folder: &'static ModelFolder,
    /// What prompts become, if the model's folder says nothing else.
    pub prompts: PromptRules,
    /// A checkpoint in one file.
    pub single_file: SingleFile,
    /// What other programs call its adapters.
    pub label: Label,
}

/// A checkpoint of the family in one file.
#[derive(Clone, Copy, Debug)]
pub struct SingleFile {
    /// The networks in the file, in the order of the folder's parts.
    pub parts: &'static [SinglePart],
    /// Whether there are checkpoints that predict v and do not say so.
    pub may_predict_v: bool,
    /// Latents on a side of the images that models which predict v were trained on.
    pub sample_size_v: usize,
    /// How the models' scheduler spreads its steps; `None`: as each sampler does by itself.
    pub spacing: Option<&'static str>,
    /// A VAE of the Hub for files that have none.
    pub vae: &'static str,
    /// Models of the Hub that have the family's vocabulary in their tokenizer folders.
    pub vocabularies: &'static [&'static str],
}

/// One network in a one-file checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct SinglePart {
    /// Its `config.json`, of which the file holds nothing: the keys that matter.
    pub config: &'static str,
    /// What the names of its tensors begin with.
    pub prefix: &'static str,
    /// Whose names its tensors have behind the prefix.
    pub names: Names,
}

/// Whose names a network's tensors have in a one-file checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Those of the original latent diffusion code (LDM) for the UNet.
    LdmUNet,
    /// Those of the same code for the VAE.
    LdmVae,
    /// Hugging Face's, which need no other names.
    HuggingFace,
    /// OpenCLIP's.
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
