//! The vision transformer ([Dosovitskiy et al. 2020](https://arxiv.org/abs/2010.11929)) of CLIP, DINO and DINOv2.

use candle_core::{D, DType, Result, Tensor, bail};

use super::config::VisionConfig;
use super::kind::EncoderKind;
use super::positions::{Resampling, resized};
use crate::kernels::{LayerNorm, Linear, layer_norm, linear};
use crate::models::block::{self, Block, BlockNames};
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// `ViTLayer` of transformers.
const VIT: BlockNames = BlockNames {
    norm1: "layernorm_before",
    projections: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
    out: "attention.output.dense",
    norm2: "layernorm_after",
    fc1: "intermediate.dense",
    fc2: "output.dense",
    scales: None,
};

/// `Dinov2Layer` of transformers.
const DINOV2: BlockNames = BlockNames {
    norm1: "norm1",
    norm2: "norm2",
    fc1: "mlp.fc1",
    fc2: "mlp.fc2",
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
    ..VIT
};

/// Turns pictures into features. Frozen.
#[derive(Debug)]
pub(super) struct VisionTransformer {
    patch_size: usize,
    /// Patches along both sides that the positions are for.
    grid: (usize, usize),
    patches: Linear,
    /// The first token, `(width)`.
    class: Tensor,
    /// Positions of the first token and the patches, `(1 + patches, width)`.
    positions: Tensor,
    /// Tokens without positions, `(registers, width)`, if there are any.
    registers: Option<Tensor>,
    norm_before: Option<LayerNorm>,
    blocks: Vec<Block>,
    norm_after: LayerNorm,
    projection: Option<Linear>,
    dtype: DType,
}

impl VisionTransformer {
    /// Takes the layers of a file that transformers wrote. Heads for classes, poolers and mask tokens are not used.
    pub(super) fn new(kind: EncoderKind, config: &VisionConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        match kind {
            EncoderKind::Clip => Self::clip(config, at),
            EncoderKind::Dino => Self::dino(config, at, "vit", &VIT),
            EncoderKind::Dinov2 => Self::dino(config, at, "dinov2", &DINOV2),
            EncoderKind::Dinov2WithRegisters => Self::dino(config, at, "dinov2_with_registers", &DINOV2),
        }
    }

    fn clip(config: &VisionConfig, root: &Layers) -> std::result::Result<Self, LoadError> {
        root.ignore("logit_scale");
        let at = root.at("vision_model");
        at.ignore("embeddings.position_ids");
        let (width, eps, grid) = (config.block.width, config.block.eps, config.grid());
        let block = |i| {
            let at = at.at("encoder.layers").at(i);
            Block::new(&at, &block::CLIP, &config.block, at.name())
        };
        let project = |dim| root.linear("visual_projection", width, dim, false);
        Ok(Self {
            patch_size: config.patch_size,
            grid: (grid, grid),
            patches: at.patches("embeddings.patch_embedding", (3, width), config.patch_size, false)?,
            class: at.at("embeddings").tensor("class_embedding", &[width])?,
            positions: at.embedding("embeddings.position_embedding", 1 + grid * grid, width)?,
            registers: None,
            norm_before: Some(at.layer_norm("pre_layrnorm", width, eps)?),
            blocks: (0..config.layers).map(block).collect::<std::result::Result<_, _>>()?,
            norm_after: at.layer_norm("post_layernorm", width, eps)?,
            projection: config.projection.map(project).transpose()?,
            dtype: at.activation_dtype(),
        })
    }

    /// `prefix` is what a model with a head for classes has before the names.
    fn dino(
        config: &VisionConfig,
        root: &Layers,
        prefix: &str,
        names: &BlockNames,
    ) -> std::result::Result<Self, LoadError> {
        ["classifier.weight", "classifier.bias"].into_iter().for_each(|name| root.ignore(name));
        let inner = root.at(prefix);
        let at = if inner.has("layernorm.weight") { &inner } else { root };
        ["pooler.dense.weight", "pooler.dense.bias", "embeddings.mask_token"].into_iter().for_each(|n| at.ignore(n));
        let (width, grid, count) = (config.block.width, config.grid(), config.registers);
        let block = |i| {
            let at = at.at("encoder.layer").at(i);
            Block::new(&at, names, &config.block, at.name())
        };
        let embeddings = at.at("embeddings");
        let registers = || embeddings.tensor("register_tokens", &[1, count, width]);
        Ok(Self {
            patch_size: config.patch_size,
            grid: (grid, grid),
            patches: embeddings.patches("patch_embeddings.projection", (3, width), config.patch_size, true)?,
            class: embeddings.tensor("cls_token", &[1, 1, width])?,
            positions: embeddings.tensor("position_embeddings", &[1, 1 + grid * grid, width])?,
            registers: if count == 0 { None } else { Some(registers()?) },
            norm_before: None,
            blocks: (0..config.layers).map(block).collect::<std::result::Result<_, _>>()?,
            norm_after: at.layer_norm("layernorm", width, config.block.eps)?,
            projection: None,
            dtype: at.activation_dtype(),
        })
    }

    /// The same network for pictures of another size, `height` × `width` pixels. Pixels without a patch are not seen.
    ///
    /// # Errors
    /// A picture smaller than a patch.
    pub(super) fn for_size(self, (height, width): (usize, usize), how: Resampling) -> Result<Self> {
        let grid = (height / self.patch_size, width / self.patch_size);
        let channels = self.patches.out_features();
        let positions = self.positions.reshape(((), channels))?.to_dtype(DType::F32)?;
        let rest = positions.narrow(0, 1, positions.dim(0)? - 1)?;
        let rest = resized(&rest, self.grid.0, grid, how)?;
        let positions = Tensor::cat(&[positions.narrow(0, 0, 1)?, rest], 0)?.to_dtype(self.dtype)?;
        Ok(Self { grid, positions, ..self })
    }

    /// Pictures `(B, 3, height, width)`, f32, to features `(B, dim)`: the first token after the last layer norm, and
    /// projected for CLIP.
    ///
    /// # Errors
    /// Pictures of another size than [`for_size`](Self::for_size) was told.
    pub(super) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut x = self.tokens(pixels)?;
        if let Some(norm) = &self.norm_before {
            x = layer_norm(&x, norm)?;
        }
        // Only the first token is used, so the last block computes no other.
        if let Some((last, others)) = self.blocks.split_last() {
            for block in others {
                x = block.forward(&x, false, &LoraSet::empty())?;
            }
            x = last.first_token(&x)?;
        }
        let feature = layer_norm(&x, &self.norm_after)?.squeeze(1)?;
        match &self.projection {
            Some(projection) => linear(&feature, projection),
            None => Ok(feature),
        }
    }

    /// What looking at `batch` pictures of that height and width holds in memory.
    pub(super) fn trace(&self, t: &Trace, batch: usize, (height, width): (usize, usize)) -> Map {
        let _pixels = t.map(&[batch, 3, height, width]);
        let (grid, channels) = ((height / self.patch_size, width / self.patch_size), self.patches.out_features());
        let registers = self.registers.as_ref().map_or(0, |registers| registers.elem_count() / channels.max(1));
        let patches = t.map(&[batch, grid.0 * grid.1, self.patches.in_features()]);
        let linear = t.linear(&patches, &self.patches);
        let mut x = t.map(&[batch, 1 + registers + grid.0 * grid.1, channels]);
        drop((patches, linear));
        for block in &self.blocks {
            x = block.trace(t, &x);
        }
        x
    }

    /// The first token, registers and patches: `(B, 1 + registers + patches, width)`.
    fn tokens(&self, pixels: &Tensor) -> Result<Tensor> {
        let (batch, _, height, width) = pixels.dims4()?;
        let (side, (rows, columns)) = (self.patch_size, self.grid);
        if (height / side, width / side) != self.grid {
            bail!("a picture of {width} × {height} pixels has not {columns} × {rows} patches of {side} pixels");
        }
        let pixels = pixels.narrow(2, 0, rows * side)?.narrow(3, 0, columns * side)?;
        let patches = pixels.reshape(&[batch, 3, rows, side, columns, side])?.permute([0, 2, 4, 1, 3, 5])?;
        let patches = patches.reshape((batch, rows * columns, 3 * side * side))?.to_dtype(self.dtype)?;
        let places = self.positions.narrow(0, 1, rows * columns)?;
        let patches = linear(&patches.contiguous()?, &self.patches)?.broadcast_add(&places)?;
        let channels = self.patches.out_features();
        let first = (self.class.reshape((1, channels))? + self.positions.narrow(0, 0, 1)?)?;
        let mut tokens = vec![first];
        if let Some(registers) = &self.registers {
            tokens.push(registers.reshape(((), channels))?);
        }
        let prefix = Tensor::cat(&tokens, 0)?.unsqueeze(0)?;
        let prefix = prefix.broadcast_as((batch, prefix.dim(1)?, channels))?.contiguous()?;
        Tensor::cat(&[prefix, patches], D::Minus2)
    }
}
