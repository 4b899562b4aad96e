//! The adapter as a model sees it: layer name → what is added to that layer.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};

use crate::kernels::{Conv2d, Linear, add};
use crate::models::delta::Delta;
use crate::models::frozen::Frozen;

/// What a forward pass adds to the base model: the [`Delta`]s of each changed module, in order of name. There are
/// several of a module where several adapters change it.
#[derive(Clone, Debug, Default)]
pub struct LoraSet(BTreeMap<String, Vec<Delta>>);

impl LoraSet {
    /// The base model alone.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// What is added to the module called `name`; nothing if the adapter leaves that module alone.
    #[must_use]
    pub fn get(&self, name: &str) -> &[Delta] {
        self.0.get(name).map_or(&[], Vec::as_slice)
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

    /// The linear layer called `name` with what the adapter adds to it: `x` `(..., in)` → `(..., out)`.
    pub(super) fn linear(&self, name: &str, x: &Tensor, weights: &Linear) -> Result<Tensor> {
        self.forward(name, x, Frozen::Linear(weights))
    }

    /// The convolution called `name` with what the adapter adds to it: `x` `(B, H, W, in)` → `(B, H', W', out)`.
    pub(super) fn conv2d(&self, name: &str, x: &Tensor, weights: &Conv2d) -> Result<Tensor> {
        self.forward(name, x, Frozen::Conv(weights))
    }

    fn forward(&self, name: &str, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
        let Some((first, others)) = self.get(name).split_first() else { return frozen.forward(x) };
        let y = first.forward(x, frozen)?;
        others.iter().try_fold(y, |y, delta| add(&y, &delta.added(x, frozen)?))
    }

    /// The same with dropout masks for some layers' inputs.
    ///
    /// # Errors
    /// A mask for a layer that the adapter leaves alone.
    pub fn with_dropout(mut self, masks: &BTreeMap<String, Tensor>) -> Result<Self> {
        for (name, mask) in masks {
            let Some(deltas) = self.0.get_mut(name) else { bail!("a dropout mask for {name}, which has no adapter") };
            for delta in deltas {
                delta.dropout_mask = Some(mask.clone());
            }
        }
        Ok(self)
    }

    /// The same without gradients.
    pub(super) fn detached(&self) -> Self {
        let detached = |deltas: &Vec<Delta>| deltas.iter().map(Delta::detached).collect();
        Self(self.0.iter().map(|(name, deltas)| (name.clone(), detached(deltas))).collect())
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

    /// Both adapters at once: where both change a module, what each adds to the frozen module is added.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (name, deltas) in other.0 {
            self.0.entry(name).or_default().extend(deltas);
        }
        self
    }

    /// The changed modules and what is added to each, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Delta)> {
        self.0.iter().flat_map(|(name, deltas)| deltas.iter().map(move |delta| (name.as_str(), delta)))
    }
}

impl<D: Into<Delta>> FromIterator<(String, D)> for LoraSet {
    fn from_iter<I: IntoIterator<Item = (String, D)>>(deltas: I) -> Self {
        Self(deltas.into_iter().map(|(name, delta)| (name, vec![delta.into()])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::AdapterKind;
    use crate::models::delta::Tensors;
    use crate::sampling::noise::TorchRng;
    use candle_core::{DType, Device};

    #[test]
    fn the_sum_of_two_adapters_is_the_sum_of_their_updates() -> Result<()> {
        let random = |seed, shape: [usize; 2]| TorchRng::new(seed).randn_tensor(&shape);
        let lora = |seed, rank, scale| -> Result<Delta> {
            let tensors = Tensors::from([("down", random(seed, [rank, 5])?), ("up", random(seed + 1, [3, rank])?)]);
            Ok(Delta::new(AdapterKind::Lora, tensors, scale).at(2.0))
        };
        let tensors = Tensors::from([("w1", random(7, [1, 5])?), ("w2", random(8, [3, 1])?)]);
        let lokr = Delta::new(AdapterKind::Lokr, tensors, 0.3);
        let deltas = [lora(1, 2, 0.5)?, lora(3, 4, -2.0)?, lokr];
        let weight = random(9, [3, 5])?;
        let merged = deltas.iter().try_fold(weight.clone(), |sum, delta| sum + delta.update()?.reshape((3, 5))?)?;
        let set = |name: &str, delta: &Delta| LoraSet::from_iter([(name.to_owned(), delta.clone())]);
        let [a, b, c] = &deltas;
        let all = set("x", a).plus(set("x", b)).plus(set("y", b)).plus(set("x", c));
        let x = random(10, [4, 5])?.unsqueeze(0)?;
        let bias = Tensor::new(&[1f32, 2.0, 3.0], &Device::Cpu)?;
        let ours = all.linear("x", &x, &Linear::new(weight, Some(bias.clone()))?)?;
        let theirs = LoraSet::empty().linear("x", &x, &Linear::new(merged, Some(bias))?)?;
        let error = (ours - theirs)?.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        assert!(error < 1e-5, "{error}");
        assert_eq!((all.len(), all.get("x").len(), all.get("z").len(), all.iter().count()), (2, 3, 0, 4));
        Ok(())
    }
}
