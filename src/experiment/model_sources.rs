//! Everything that the files of a base model come from.

use super::base::Base;

/// Where the files of a base model come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelSources {
    /// The model.
    pub base: Base,
    /// A VAE instead of the model's own.
    pub vae: Option<Base>,
    /// A model whose text encoders are taken.
    pub text_encoders: Option<Base>,
}

impl ModelSources {
    /// All of them, the model first.
    pub fn all(&self) -> impl Iterator<Item = &Base> {
        std::iter::once(&self.base).chain(&self.vae).chain(&self.text_encoders)
    }
}

impl From<Base> for ModelSources {
    /// A model with its own parts.
    fn from(base: Base) -> Self {
        Self { base, vae: None, text_encoders: None }
    }
}
