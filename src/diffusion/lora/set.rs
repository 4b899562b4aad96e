//! The adapter as a model sees it: module name → pair of small matrices.

use crate::kernels::LoraPair;
use std::collections::BTreeMap;

/// A linear layer of the UNet that an adapter can change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoraModule {
    /// Path in the UNet with dots, e.g. `down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`.
    pub name: String,
    /// Width of the layer's input.
    pub in_features: usize,
    /// Width of the layer's output.
    pub out_features: usize,
}

/// What a forward pass adds to the base model: one [`LoraPair`] per changed module, in order of name.
#[derive(Clone, Debug, Default)]
pub struct LoraSet(BTreeMap<String, LoraPair>);

impl LoraSet {
    /// The base model alone.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The pair of the module called `name`; `None` if the adapter leaves that module alone.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&LoraPair> {
        self.0.get(name)
    }

    /// Number of changed modules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if no module is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changed modules and their pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LoraPair)> {
        self.0.iter().map(|(name, pair)| (name.as_str(), pair))
    }
}

impl FromIterator<(String, LoraPair)> for LoraSet {
    fn from_iter<I: IntoIterator<Item = (String, LoraPair)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
