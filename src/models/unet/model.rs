//! The denoiser, diffusers' `UNet2DConditionModel` as Stable Diffusion 1.x, 2.x and XL configure it.
//!
//! Frozen: gradients go to adapters only. What lies before the first adapter builds no graph, because
//! neither latents nor prompt are tracked there.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::step::{self, Shared, Step, StepOfSize};
use super::text_time::TextTime;
use super::timestep;
use crate::choice::Targets;
use crate::kernels::{Activation, GroupNorm, Padding, Storage, add, group_norm, on_workers, silu};
use crate::models::adaptable::{AdaptableLayer, Role, Tokens};
use crate::models::adaptable_conv::{AdaptableConv, ConvSize};
use crate::models::adaptable_linear::{AdaptableLinear, Input};
use crate::models::conditioning::Conditioning;
use crate::models::config::UNetConfig;
use crate::models::frozen::Frozen;
use crate::models::gradients::{LossAndGradients, Recompute};
use crate::models::layers::{self, Layers};
use crate::models::lora_set::LoraSet;
use crate::models::recompute;
use crate::models::steps::{self, FeatureMap, Steps, Visit};
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// Predicts noise (or velocity) from noisy latents, a timestep and a prompt.
#[derive(Debug)]
pub struct UNet2DConditionModel {
    config: UNetConfig,
    pub(super) conv_in: AdaptableConv,
    time: [AdaptableLinear; 2],
    text_time: Option<TextTime>,
    pub(super) steps: Vec<Step>,
    norm_out: GroupNorm,
    pub(super) conv_out: AdaptableConv,
    device: Device,
    dtype: DType,
}

impl UNet2DConditionModel {
    /// Loads the weights onto `device`, `storage` says how they are stored (a dtype will do).
    ///
    /// # Errors
    /// Names every tensor that is missing, superfluous or of the wrong shape.
    pub fn load(
        config: &UNetConfig,
        weights: &Weights,
        device: &Device,
        storage: impl Into<Storage>,
    ) -> std::result::Result<Self, LoadError> {
        layers::load(weights, device, storage.into(), |at| Self::new(config, at))
    }

    pub(crate) fn new(config: &UNetConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let first = config.blocks[0].channels;
        let conv = |name, input, output| {
            let (padding, tokens) = (Padding::same(1), Tokens::Grid(0));
            let size = ConvSize { input, output, kernel: 3, stride: 1, padding, tokens };
            Ok::<_, LoadError>(AdaptableConv::new(name, size, at)?.at_edge())
        };
        let time = |name, width| {
            let input = Input { width, tokens: Tokens::Single, role: Role::Edge };
            AdaptableLinear::new(name, (input, 4 * first), true, at)
        };
        Ok(Self {
            conv_in: conv("conv_in", config.in_channels, first)?,
            time: [time("time_embedding.linear_1", first)?, time("time_embedding.linear_2", 4 * first)?],
            text_time: config.text_time.map(|text_time| TextTime::new(text_time, config, at)).transpose()?,
            steps: step::build(config, at)?,
            norm_out: at.group_norm("conv_norm_out", first, config.groups, config.norm_eps)?,
            conv_out: conv("conv_out", first, config.out_channels)?,
            device: at.device(),
            dtype: at.activation_dtype(),
            config: config.clone(),
        })
    }

    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The type its activations have.
    pub(crate) fn activation_dtype(&self) -> DType {
        self.dtype
    }

    /// The layers that an adapter with these targets changes, sorted by name.
    #[must_use]
    pub fn adaptable_layers(&self, targets: Targets) -> Vec<AdaptableLayer> {
        self.every_adaptable_layer().into_iter().filter(|layer| layer.is_in(targets)).collect()
    }

    /// Every layer that an adapter of any program may change, sorted by name.
    #[must_use]
    pub fn every_adaptable_layer(&self) -> Vec<AdaptableLayer> {
        let mut layers: Vec<AdaptableLayer> = self.adaptable().map(|(layer, _)| layer.clone()).collect();
        layers.sort();
        layers
    }

    fn adaptable(&self) -> impl Iterator<Item = (&AdaptableLayer, Frozen<'_>)> {
        let edges = self.time.iter().map(AdaptableLinear::adaptable);
        let edges = edges.chain([&self.conv_in, &self.conv_out].map(AdaptableConv::adaptable));
        let edges = edges.chain(self.text_time.iter().flat_map(TextTime::adaptable));
        self.steps.iter().flat_map(Step::adaptable).chain(edges)
    }

    /// The Euclidean norms of the weights of each output, `(out)` f32, of the layers that an adapter with these targets
    /// changes, by name.
    ///
    /// # Errors
    /// A full device.
    pub fn weight_norms(&self, targets: Targets) -> Result<BTreeMap<String, Tensor>> {
        let layers = self.adaptable().filter(|(layer, _)| layer.is_in(targets));
        layers.map(|(layer, frozen)| Ok((layer.name.clone(), frozen.norms()?))).collect()
    }

    /// The prediction `(B,4,h,w)` f32 for noisy `latents` `(B,4,h,w)`, one timestep (0 to 999, may be
    /// fractional) for each of the batch, and conditions whose tokens are `(B,T,D)`.
    /// `h` and `w` may be odd; diffusers then crops after upsampling, and so does this.
    ///
    /// # Errors
    /// If shapes do not agree.
    pub fn forward(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
    ) -> Result<Tensor> {
        on_workers(|| steps::forward(self, latents, timesteps, conditioning, lora))
    }

    /// Runs the model, takes `loss` (a scalar) of its prediction `(B,4,h,w)` f32, and differentiates it by every tensor
    /// of `lora`, which must be those of `Var`s. The other arguments are as in [`forward`](Self::forward). Both ways of
    /// [`Recompute`] give the same loss, and gradients that differ by rounding only.
    ///
    /// # Errors
    /// Shapes that do not agree, or a tensor of `lora` that gets no gradient: its layer is not in this model, or it is
    /// not a `Var`.
    pub fn loss_and_gradients(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
        recompute: Recompute,
        loss: impl FnOnce(&Tensor) -> Result<Tensor> + Send,
    ) -> Result<LossAndGradients> {
        recompute::loss_and_gradients(self, latents, timesteps, conditioning, lora, recompute, loss)
    }
}

impl Steps for UNet2DConditionModel {
    type Shared = Shared;
    type Step<'a> = StepOfSize<'a>;

    /// The first feature map is `(B,h,w,C)`; the context has the activations' type.
    fn enter(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
    ) -> Result<(Tensor, Shared)> {
        let context = &conditioning.tokens;
        let (batch, channels, _, _) = latents.dims4()?;
        let (prompts, _, width) = context.dims3()?;
        if channels != self.config.in_channels || width != self.config.cross_attention_dim {
            bail!(
                "the UNet takes latents (B,{},h,w) and a context (B,T,{}), not {:?} and {:?}",
                self.config.in_channels,
                self.config.cross_attention_dim,
                latents.dims(),
                context.dims()
            );
        }
        if timesteps.len() != batch || prompts != batch {
            bail!("{batch} latents need as many timesteps and prompts, not {} and {prompts}", timesteps.len());
        }
        let width = self.config.blocks[0].channels;
        let waves = timestep::sinusoids(timesteps, width, self.config.flip_sin_to_cos, self.config.freq_shift);
        let waves = Tensor::from_vec(waves, (batch, width), &self.device)?.to_dtype(self.dtype)?;
        let mut time = self.time[1].forward(&silu(&self.time[0].forward(&waves, lora)?)?, lora)?;
        if let Some(text_time) = &self.text_time {
            time = add(&time, &text_time.forward(conditioning, lora)?)?;
        }
        let x = latents.permute((0, 2, 3, 1))?.to_dtype(self.dtype)?.contiguous()?;
        let shared = Shared { time: silu(&time)?, context: context.to_dtype(self.dtype)?.contiguous()? };
        Ok((self.conv_in.forward(&x, lora)?, shared))
    }

    fn walk<'a>(
        &'a self,
        first: Tensor,
        apply: impl FnMut(Visit<StepOfSize<'a>>) -> Result<Tensor>,
    ) -> Result<FeatureMap> {
        step::walk(&self.steps, first, apply)
    }

    fn leave(&self, x: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        let y = self.conv_out.forward(&group_norm(x, &self.norm_out, Activation::Silu)?, lora)?;
        y.permute((0, 3, 1, 2))?.to_dtype(DType::F32)?.contiguous()
    }
}
