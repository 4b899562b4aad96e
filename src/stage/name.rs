//! The names of the pieces of work that a study consists of.

use serde::{Deserialize, Serialize};

/// One kind of cached work. The order is the order in which a cell needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Photos decoded, cropped, resized and encoded to latents.
    Prepare,
    /// Images of the base model without an adapter.
    Baseline,
    /// Class images for prior preservation.
    ClassImages,
    /// The DreamBooth LoRA fine-tuning.
    Train,
    /// Images with the adapter, on the baseline's noise.
    Generate,
    /// Measurements on photos, baseline and generated images.
    Evaluate,
    /// Features of photos and images by image encoders.
    Features,
    /// The denoising loss of each photo at each timestep, of the base model and of the adapter.
    Probe,
}

impl Stage {
    /// Every stage, in the order a cell needs them.
    pub const ALL: [Self; 8] = [
        Self::Prepare,
        Self::Baseline,
        Self::ClassImages,
        Self::Train,
        Self::Generate,
        Self::Evaluate,
        Self::Features,
        Self::Probe,
    ];

    /// The name used in messages and as the folder in the store, e.g. `class_images`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Baseline => "baseline",
            Self::ClassImages => "class_images",
            Self::Train => "train",
            Self::Generate => "generate",
            Self::Evaluate => "evaluate",
            Self::Features => "features",
            Self::Probe => "probe",
        }
    }

    /// The stage of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
