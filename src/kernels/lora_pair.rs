use candle_core::Tensor;

/// The low-rank update of one linear layer: `W x + scale · B (A x)`.
#[derive(Clone, Debug)]
pub struct LoraPair {
    /// A, `(rank, in)`, f32.
    pub down: Tensor,
    /// B, `(out, rank)`, f32.
    pub up: Tensor,
    /// `alpha / rank`, times whatever strength the user asked for.
    pub scale: f64,
    /// Multiplied with the layer's input before A, same shape as that input: 0 where the input is
    /// dropped, 1 / (keep probability) elsewhere. `None` outside training.
    pub dropout_mask: Option<Tensor>,
}
