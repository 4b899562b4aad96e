//! The trained low-rank correction of a frozen layer ([LoRA](https://arxiv.org/abs/2106.09685)).

use candle_core::{DType, Result, Tensor, bail};

use super::linear::Linear;

/// The two trained factors of one adapted layer; the correction is `scale · up · down`.
#[derive(Clone, Debug)]
pub struct LoraPair {
    /// `A`, `(rank, in)`, f32.
    pub down: Tensor,
    /// `B`, `(out, rank)`, f32.
    pub up: Tensor,
    /// `alpha / rank`, times the strength that the user chose.
    pub scale: f64,
    /// The dropout mask, which `x` is multiplied with before `A`: 0 where the input is dropped, `1 / (keep
    /// probability)` elsewhere. It has the batch, the channels and the size of `x`; the dimensions of the tokens may be
    /// flattened. `None` outside training.
    pub dropout_mask: Option<Tensor>,
}

impl LoraPair {
    /// Checks that the factors fit the layer, and that the dropout mask fits its input.
    pub(crate) fn check(&self, x: &Tensor, w: &Linear) -> Result<()> {
        let (rank, columns) = self.down.dims2()?;
        if columns != w.in_features() || self.up.dims() != [w.out_features(), rank] || rank == 0 {
            bail!(
                "lora: factors {:?} and {:?} do not fit a layer from {} to {} channels",
                self.down.dims(),
                self.up.dims(),
                w.in_features(),
                w.out_features()
            );
        }
        if let Some(mask) = &self.dropout_mask
            && [mask.dims().first(), mask.dims().last(), Some(&mask.elem_count())]
                != [x.dims().first(), x.dims().last(), Some(&x.elem_count())]
        {
            bail!("lora: the dropout mask is {:?}, the input {:?}", mask.dims(), x.dims());
        }
        Ok(())
    }

    /// Whether both factors are f32, as the fast CPU kernel needs them.
    pub(crate) fn is_f32(&self) -> bool {
        self.down.dtype() == DType::F32 && self.up.dtype() == DType::F32
    }
}
