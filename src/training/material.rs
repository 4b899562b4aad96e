//! What a training is made of: photos, and what keeps the class as it is.

use super::batch_config::BatchConfig;
use super::prompt::Prompt;
use super::sample::TrainingItem;
use candle_core::{Result, bail};

/// What a training is made of, on any device.
#[derive(Clone, Debug)]
pub struct Material {
    /// The photos.
    pub photos: Vec<TrainingItem>,
    /// What keeps the class as it is.
    pub class: ClassMaterial,
    /// The empty prompt, for photos whose prompt is dropped.
    pub empty_prompt: Option<Prompt>,
}

/// What keeps the class as it is.
#[derive(Clone, Debug)]
pub enum ClassMaterial {
    /// Nothing.
    None,
    /// Images of the class, made by the base model.
    Images(Vec<TrainingItem>),
    /// What the base model predicts for the photos with other prompts, one for each photo. A sample of it has the
    /// latents, the noise and the time of its photo.
    Output(Vec<Prompt>),
}

impl Material {
    /// Photos alone.
    #[must_use]
    pub fn photos(photos: Vec<TrainingItem>) -> Self {
        Self { photos, class: ClassMaterial::None, empty_prompt: None }
    }

    /// Photos and class images; no class images mean no prior preservation.
    #[must_use]
    pub fn with_images(photos: Vec<TrainingItem>, images: Vec<TrainingItem>) -> Self {
        let class = if images.is_empty() { ClassMaterial::None } else { ClassMaterial::Images(images) };
        Self { class, ..Self::photos(photos) }
    }

    /// Refuses what cannot be put into batches.
    pub(super) fn check(&self, config: &BatchConfig) -> Result<()> {
        let (Some(first), images) = (self.photos.first(), self.images()) else {
            bail!("training needs at least one photo, a batch of one and one pass per step");
        };
        for item in self.photos.iter().chain(images) {
            let (shapes, expected) = (item.conditioning.shapes(), first.conditioning.shapes());
            if shapes != expected || item.std.dims() != item.mean.dims() {
                bail!("training items differ in shape: {shapes:?} and {expected:?}, {:?}", item.mean.dims());
            }
        }
        let has_its_like = |photo: &TrainingItem| images.iter().any(|image| image.mean.dims() == photo.mean.dims());
        if let Some(photo) = self.photos.iter().find(|photo| !images.is_empty() && !has_its_like(photo)) {
            bail!("no class image has the shape {:?} of a photo, so none can stand beside it", photo.mean.dims());
        }
        match &self.class {
            ClassMaterial::Output(prompts) if prompts.len() != self.photos.len() => {
                bail!("{} photos have {} prompts for the class", self.photos.len(), prompts.len())
            }
            _ if config.caption_dropout > 0.0 && self.empty_prompt.is_none() => {
                bail!("prompts are dropped, so the empty prompt is needed")
            }
            _ => Ok(()),
        }
    }

    /// The class images; none where something else keeps the class.
    pub(super) fn images(&self) -> &[TrainingItem] {
        if let ClassMaterial::Images(images) = &self.class { images } else { &[] }
    }
}
