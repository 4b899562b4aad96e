//! A denoiser as a list of steps. One walk through the steps serves the plain forward pass and the pass that computes
//! them twice to save memory.

use candle_core::{Result, Tensor};

use super::adaptable::AdaptableLayer;
use super::conditioning::Conditioning;
use super::lora_set::LoraSet;

/// A network that computes step by step, from feature map to feature map.
pub(super) trait Steps {
    /// What every step sees besides the feature maps, for example the embedding of the time.
    type Shared: Shared;
    /// One step, with everything but feature maps that it needs.
    type Step<'a>: Step<Shared = Self::Shared>
    where
        Self: 'a;

    /// The first feature map, and what all steps share, with what an adapter without gradients adds here.
    ///
    /// # Errors
    /// Shapes that do not agree, a full device.
    fn enter(
        &self,
        latents: &Tensor,
        times: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
    ) -> Result<(Tensor, Self::Shared)>;

    /// Goes through the steps in order and gives each its inputs; `apply` computes the step's result. Returns the last
    /// result.
    ///
    /// # Errors
    /// Those of `apply`.
    fn walk<'a>(
        &'a self,
        first: Tensor,
        apply: impl FnMut(Visit<Self::Step<'a>>) -> Result<Tensor>,
    ) -> Result<FeatureMap>;

    /// From the last feature map to the prediction `(B, C, h, w)` f32, with what an adapter without gradients adds
    /// here.
    ///
    /// # Errors
    /// A full device.
    fn leave(&self, last: &Tensor, lora: &LoraSet) -> Result<Tensor>;
}

/// What every step of a network sees.
pub(super) trait Shared {
    /// Its tensors, some of which may be trainable.
    fn tensors(&self) -> Vec<&Tensor>;
}

/// One step of a network.
pub(super) trait Step {
    /// As in [`Steps::Shared`].
    type Shared;

    /// The step's result for the feature maps of its visit, in their order.
    ///
    /// # Errors
    /// Shapes that do not agree, a full device.
    fn forward(&self, inputs: &[&Tensor], shared: &Self::Shared, lora: &LoraSet) -> Result<Tensor>;

    /// Whether the result depends on a trainable tensor of what all steps share.
    fn depends_on(&self, shared: &Self::Shared) -> bool;

    /// The layers that an adapter can change in this step.
    fn adaptable_layers(&self) -> impl Iterator<Item = &AdaptableLayer>;
}

/// A feature map with its place in the order of computation: 0 enters the first step, `i + 1` leaves step `i`.
#[derive(Debug, Clone)]
pub(super) struct FeatureMap<V = Tensor> {
    pub(super) id: usize,
    pub(super) value: V,
}

/// What walks through steps: a feature map with its numbers, or what stands for one.
pub(super) trait Sides: Clone {
    /// Height and width.
    ///
    /// # Errors
    /// Something that is no feature map.
    fn sides(&self) -> Result<(usize, usize)>;
}

impl Sides for Tensor {
    fn sides(&self) -> Result<(usize, usize)> {
        Ok((self.dim(1)?, self.dim(2)?))
    }
}

/// A step with its inputs.
pub(super) struct Visit<S, V = Tensor> {
    pub(super) step: S,
    /// The previous step's result first.
    pub(super) inputs: Vec<FeatureMap<V>>,
}

impl<S, V> Visit<S, V> {
    /// The place of the step's result.
    pub(super) fn result_id(&self) -> usize {
        self.inputs[0].id + 1
    }
}

impl<S: Step> Visit<S> {
    /// The step's result.
    ///
    /// # Errors
    /// As [`Step::forward`].
    pub(super) fn forward(&self, shared: &S::Shared, lora: &LoraSet) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = self.inputs.iter().map(|input| &input.value).collect();
        self.step.forward(&inputs, shared, lora)
    }
}

/// The prediction of a network, step by step.
///
/// # Errors
/// Shapes that do not agree, a full device.
pub(super) fn forward<N: Steps>(
    network: &N,
    latents: &Tensor,
    times: &[f32],
    conditioning: &Conditioning,
    lora: &LoraSet,
) -> Result<Tensor> {
    let (first, shared) = network.enter(latents, times, conditioning, lora)?;
    let last = network.walk(first, |visit| visit.forward(&shared, lora))?;
    network.leave(&last.value, lora)
}
