//! The steps of the UNet, and the skip connections between them.

use candle_core::{Result, Tensor, bail};

use super::attention::{Transformer, TransformerSize};
use crate::kernels::{Padding, concatenate};
use crate::models::adaptable::AdaptableLayer;
use crate::models::config::UNetConfig;
use crate::models::frozen::Frozen;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::models::resnet::{Downsample, ResnetBlock, ResnetSize, Upsample};
use crate::models::steps::{self, FeatureMap, Sides, Visit};
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// What every step sees besides the feature maps.
#[derive(Debug)]
pub(in crate::models) struct Shared {
    /// `(B, 4·C0)`, the timestep's embedding after SiLU.
    pub(super) time: Tensor,
    /// `(B, T, D)`, the text encoder's output.
    pub(super) context: Tensor,
}

impl steps::Shared for Shared {
    fn tensors(&self) -> Vec<&Tensor> {
        vec![&self.time, &self.context]
    }
}

/// One step from feature map to feature map.
#[derive(Debug)]
pub(super) struct Step {
    path: Path,
    kind: Kind,
}

/// Where in the U a step lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// The result is kept for the way up.
    Down,
    Middle,
    /// Blocks take the latest kept result.
    Up,
}

#[derive(Debug)]
enum Kind {
    Block { resnet: Box<ResnetBlock>, transformer: Option<Box<Transformer>> },
    Downsample(Downsample),
    Upsample(Upsample),
}

/// A step, and the size that an upsampling must reach.
#[derive(Debug)]
pub(in crate::models) struct StepOfSize<'a> {
    step: &'a Step,
    size: Option<(usize, usize)>,
}

impl steps::Step for StepOfSize<'_> {
    type Shared = Shared;

    /// The inputs are the previous feature map `(B,H,W,C)` and, for a block on the way up, the skip connection's, which
    /// is joined to it along the channels.
    fn forward(&self, inputs: &[&Tensor], shared: &Shared, lora: &LoraSet) -> Result<Tensor> {
        let (x, skip) = (inputs[0], inputs.get(1));
        match &self.step.kind {
            Kind::Downsample(layer) => layer.adapted(x, lora),
            Kind::Upsample(layer) => layer.adapted(x, self.size, lora),
            Kind::Block { resnet, transformer } => {
                let joined = skip.map(|skip| concatenate(x, skip)).transpose()?;
                let h = resnet.adapted(joined.as_ref().unwrap_or(x), &shared.time, lora)?;
                match transformer {
                    Some(transformer) => transformer.forward(&h, &shared.context, lora),
                    None => Ok(h),
                }
            }
        }
    }

    fn depends_on(&self, shared: &Shared) -> bool {
        match &self.step.kind {
            Kind::Block { transformer, .. } => {
                shared.time.track_op() || (transformer.is_some() && shared.context.track_op())
            }
            Kind::Downsample(_) | Kind::Upsample(_) => false,
        }
    }

    fn adaptable_layers(&self) -> impl Iterator<Item = &AdaptableLayer> {
        self.step.adaptable().map(|(layer, _)| layer)
    }
}

impl StepOfSize<'_> {
    /// As [`forward`](steps::Step::forward), as far as memory is concerned. `time` and `context` are what steps share.
    pub(super) fn trace(&self, t: &Trace, inputs: &[&Map], time: &Map, context: &Map) -> Map {
        let (x, skip) = (inputs[0], inputs.get(1));
        match &self.step.kind {
            Kind::Downsample(layer) => layer.trace(t, x),
            Kind::Upsample(layer) => layer.trace(t, x, self.size),
            Kind::Block { resnet, transformer } => {
                let join = |skip: &&Map| t.joined(&[x, skip], &x.with_channels(x.channels() + skip.channels()));
                let joined = skip.map(join);
                let h = resnet.trace(t, joined.as_ref().unwrap_or(x), Some(time));
                match transformer {
                    Some(transformer) => transformer.trace(t, &h, context),
                    None => h,
                }
            }
        }
    }
}

impl Step {
    /// The layers that an adapter can change in this step, and their weights.
    pub(super) fn adaptable(&self) -> impl Iterator<Item = (&AdaptableLayer, Frozen<'_>)> {
        let (block, transformer, change) = match &self.kind {
            Kind::Block { resnet, transformer } => (Some(resnet), transformer.as_deref(), None),
            Kind::Downsample(layer) => (None, None, Some(layer.adaptable())),
            Kind::Upsample(layer) => (None, None, Some(layer.adaptable())),
        };
        let block = block.into_iter().flat_map(|block| block.adaptable());
        block.chain(transformer.into_iter().flat_map(Transformer::adaptable)).chain(change)
    }
}

/// Goes through the steps in order and gives each its inputs; `apply` computes the step's result.
pub(super) fn walk<'a, V: Sides>(
    steps: &'a [Step],
    first: V,
    mut apply: impl FnMut(Visit<StepOfSize<'a>, V>) -> Result<V>,
) -> Result<FeatureMap<V>> {
    let mut x = FeatureMap { id: 0, value: first };
    let mut kept = vec![x.clone()];
    for (i, step) in steps.iter().enumerate() {
        let mut inputs = vec![x];
        if let (Path::Up, Kind::Block { .. }) = (step.path, &step.kind) {
            match kept.pop() {
                None => bail!("the way up has more blocks than the way down"),
                Some(skip) => inputs.push(skip),
            }
        }
        let size = match (&step.kind, kept.last()) {
            (Kind::Upsample(_), Some(next)) => Some(next.value.sides()?),
            _ => None,
        };
        let value = apply(Visit { step: StepOfSize { step, size }, inputs })?;
        x = FeatureMap { id: i + 1, value };
        if step.path == Path::Down {
            kept.push(x.clone());
        }
    }
    Ok(x)
}

/// The steps of a UNet, with diffusers' names and channel counts.
/// <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_condition.py#L170>
pub(super) fn build(config: &UNetConfig, at: &Layers) -> std::result::Result<Vec<Step>, LoadError> {
    let time = Some(4 * config.blocks[0].channels);
    let resnet = |level, input, output, at: &Layers| {
        let size = ResnetSize { input, output, groups: config.groups, eps: config.norm_eps, time, level };
        ResnetBlock::new(size, at).map(Box::new)
    };
    let transformer = |level: usize, at: &Layers| {
        let block = &config.blocks[level];
        let size = TransformerSize {
            level,
            channels: block.channels,
            heads: block.heads,
            layers: block.transformer_layers,
            context: config.cross_attention_dim,
            groups: config.groups,
            linear_projection: config.use_linear_projection,
            upcast_attention: config.upcast_attention,
        };
        Transformer::new(&size, at).map(|t| Some(Box::new(t)))
    };

    let mut steps = Vec::new();
    let last = config.blocks.len() - 1;
    // Channels of what is kept for the way up, as `walk` keeps them.
    let mut kept = vec![config.blocks[0].channels];
    let mut width = config.blocks[0].channels;
    for (i, block) in config.blocks.iter().enumerate() {
        let at = at.at("down_blocks").at(i);
        for j in 0..block.layers {
            let resnet = resnet(i, width, block.channels, &at.at("resnets").at(j))?;
            width = block.channels;
            let transformer = if block.attention { transformer(i, &at.at("attentions").at(j))? } else { None };
            steps.push(Step { path: Path::Down, kind: Kind::Block { resnet, transformer } });
            kept.push(width);
        }
        if i < last {
            let layer = Downsample::new(width, Padding::same(1), i, &at.at("downsamplers.0"))?;
            steps.push(Step { path: Path::Down, kind: Kind::Downsample(layer) });
            kept.push(width);
        }
    }

    let middle = at.at("mid_block");
    let first = resnet(last, width, width, &middle.at("resnets.0"))?;
    let attention = transformer(last, &middle.at("attentions.0"))?;
    steps.push(Step { path: Path::Middle, kind: Kind::Block { resnet: first, transformer: attention } });
    let second = resnet(last, width, width, &middle.at("resnets.1"))?;
    steps.push(Step { path: Path::Middle, kind: Kind::Block { resnet: second, transformer: None } });

    for i in 0..=last {
        let at = at.at("up_blocks").at(i);
        let block = &config.blocks[last - i];
        for j in 0..=block.layers {
            // Down and up have as many blocks as things kept, by construction.
            let skip = kept.pop().unwrap_or(0);
            let resnet = resnet(last - i, width + skip, block.channels, &at.at("resnets").at(j))?;
            width = block.channels;
            let attention =
                if config.up_attention[i] { transformer(last - i, &at.at("attentions").at(j))? } else { None };
            steps.push(Step { path: Path::Up, kind: Kind::Block { resnet, transformer: attention } });
        }
        if i < last {
            let layer = Upsample::new(width, last - i - 1, &at.at("upsamplers.0"))?;
            steps.push(Step { path: Path::Up, kind: Kind::Upsample(layer) });
        }
    }
    Ok(steps)
}
