//! What is known of a family of models besides its networks.

use super::prompts::PromptRules;
use crate::choice::Sampler;
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
    /// What draws its images where nobody names a sampler.
    pub sampler: UsualSampler,
    /// A checkpoint in one file.
    pub single_file: SingleFile,
    /// What other programs call its adapters.
    pub label: Label,
}

/// What draws a model's images where nobody names a sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsualSampler {
    /// This one, whatever the model's scheduler is.
    Always(Sampler),
    /// The one that the model's scheduler is, or this one where no sampler here is like it.
    OfScheduler(Sampler),
}

impl UsualSampler {
    /// The sampler, where a model's scheduler is like `scheduler`.
    #[must_use]
    pub fn of(self, scheduler: Option<Sampler>) -> Sampler {
        match self {
            Self::Always(sampler) => sampler,
            Self::OfScheduler(other) => scheduler.unwrap_or(other),
        }
    }
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
    /// A model of the Hub whose text encoders stand in for those of files that have none.
    pub text_encoders: &'static str,
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
    /// The token that fills prompts up, where it is a text encoder.
    pub padding: Option<&'static str>,
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
    /// What the names of its versions and architectures begin with, in files of any year.
    pub words: &'static [&'static str],
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
