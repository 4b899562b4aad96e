//! The families of models, as data: one file per family.

mod family;
mod prompts;
mod sd1;
mod sd2;
mod sdxl;
mod stable_diffusion;

use crate::tensors::ModelFolder;

pub use family::{FamilyData, Label, Names, SingleFile, SinglePart, UsualSampler};
pub use prompts::{PromptRules, TextStates};

/// The kinds of diffusers folders that the families have.
pub const FOLDERS: [&ModelFolder; 2] = [Family::Sd1.data().folder, Family::Sdxl.data().folder];

/// The text encoders of these folders, without the other parts.
pub const TEXT_ENCODERS: [&ModelFolder; 2] = [&stable_diffusion::TEXT_ENCODERS, &sdxl::TEXT_ENCODERS];

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Stable Diffusion 1.x.
    Sd1,
    /// Stable Diffusion 2.x.
    Sd2,
    /// Stable Diffusion XL.
    Sdxl,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 3] = [Self::Sd1, Self::Sd2, Self::Sdxl];

    /// What is known of it.
    #[must_use]
    pub const fn data(self) -> &'static FamilyData {
        match self {
            Self::Sd1 => &sd1::DATA,
            Self::Sd2 => &sd2::DATA,
            Self::Sdxl => &sdxl::DATA,
        }
    }

    /// The family whose denoiser attends to tokens of that width.
    #[must_use]
    pub fn of_context(width: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.data().context == width)
    }
}
