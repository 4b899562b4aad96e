//! The adapter as a model sees it: layer name → what is added to that layer.

use crate::kernels::{Linear, LoraPair, linear};
use crate::models::delta::Delta;
use candle_core::{Result, Tensor, bail};
use std::collections::BTreeMap;

/// What a forward pass adds to the base model: one [`Delta`] per changed module, in order of name.
#[derive(Clone, Debug, Default)]
pub struct LoraSet(BTreeMap<String, Delta>);

impl LoraSet {
    /// The base model alone.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// What is added to the module called `name`; `None` if the adapter leaves that module alone.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Delta> {
        self.0.get(name)
    }

    /// Without what it adds to the layers of these parts.
    pub(super) fn without_parts<'a>(&self, parts: impl Iterator<Item = &'a str> + Clone) -> Self {
        let is_of = |name: &str, part: &str| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'));
        let kept = self.0.iter().filter(|(name, _)| !parts.clone().any(|part| is_of(name, part)));
        Self(kept.map(|(name, delta)| (name.clone(), delta.clone())).collect())
    }

    /// What it adds to the layers of one part of the model, e.g. `text_encoder`, by their names in that part.
    #[must_use]
    pub fn of_part(&self, part: &str) -> Self {
        let below = |name: &str| Some(name.strip_prefix(part)?.strip_prefix('.')?.to_owned());
        Self(self.0.iter().filter_map(|(name, delta)| Some((below(name)?, delta.clone()))).collect())
    }

    /// The layer called `name` with what the adapter adds to it: `x` `(..., in)` → `(..., out)`.
    pub(super) fn linear(&self, name: &str, x: &Tensor, weights: &Linear) -> Result<Tensor> {
        match self.get(name) {
            Some(delta) => delta.linear(x, weights),
            None => linear(x, weights),
        }
    }

    /// The same with dropout masks for some layers' inputs.
    ///
    /// # Errors
    /// A mask for a layer that the adapter leaves alone.
    pub fn with_dropout(mut self, masks: &BTreeMap<String, Tensor>) -> Result<Self> {
        for (name, mask) in masks {
            let Some(delta) = self.0.get_mut(name) else { bail!("a dropout mask for {name}, which has no adapter") };
            delta.dropout_mask = Some(mask.clone());
        }
        Ok(self)
    }

    /// The same without gradients.
    pub(super) fn detached(&self) -> Self {
        Self(self.0.iter().map(|(name, delta)| (name.clone(), delta.detached())).collect())
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

    /// Both adapters at once: where both change a module, their updates are added.
    ///
    /// Each update is written as a pair of matrices. `s₁B₁A₁ + s₂B₂A₂ = [s₁B₁ s₂B₂] [A₁; A₂]`, so the sum is again one
    /// pair, of rank `r₁ + r₂`. For inference: dropout masks are dropped.
    ///
    /// # Errors
    /// Updates for layers of different sizes.
    pub fn plus(mut self, other: Self) -> Result<Self> {
        for (name, second) in other.0 {
            let sum = match self.0.remove(&name) {
                None => second,
                Some(first) => {
                    let (first, second) = (first.pair()?, second.pair()?);
                    let down = Tensor::cat(&[&first.down, &second.down], 0)?;
                    let up = Tensor::cat(&[&(first.up * first.scale)?, &(second.up * second.scale)?], 1)?;
                    LoraPair { down, up, scale: 1.0, dropout_mask: None }.into()
                }
            };
            self.0.insert(name, sum);
        }
        Ok(self)
    }

    /// The changed modules and what is added to each, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Delta)> {
        self.0.iter().map(|(name, delta)| (name.as_str(), delta))
    }
}

impl<D: Into<Delta>> FromIterator<(String, D)> for LoraSet {
    fn from_iter<I: IntoIterator<Item = (String, D)>>(deltas: I) -> Self {
        Self(deltas.into_iter().map(|(name, delta)| (name, delta.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn the_sum_of_two_adapters_is_the_sum_of_their_updates() -> Result<()> {
        let random = |shape: [usize; 2]| crate::sampling::noise::TorchRng::new(7).randn_tensor(&shape);
        let pair = |rank: usize, scale| -> Result<LoraPair> {
            Ok(LoraPair { down: random([rank, 5])?, up: random([3, rank])?, scale, dropout_mask: None })
        };
        let update = |pair: &LoraPair| pair.up.matmul(&pair.down)? * pair.scale;
        let set = |name: &str, pair: &LoraPair| LoraSet::from_iter([(name.to_owned(), pair.clone())]);
        let (a, b) = (pair(2, 0.5)?, pair(4, -2.0)?);
        let both = set("x", &a).plus(set("x", &b))?.plus(set("y", &b))?;
        let sum = update(&both.get("x").unwrap().pair()?)?;
        let error = (sum - (update(&a)? + update(&b)?)?)?.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        assert!(error < 1e-5, "{error}");
        assert_eq!(both.len(), 2);
        Ok(())
    }
}
