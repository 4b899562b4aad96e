//! The sizes of an attention.

use candle_core::{Result, Tensor, bail};

/// The scores that are held at once on a GPU, f32.
pub(crate) const SCORES_AT_ONCE: usize = 1 << 26;

/// The sizes of one attention; `channels = heads · head_dim`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) batch: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
    /// Query `t` sees the keys `0..=t` only.
    pub(crate) causal: bool,
    /// Factors of products are rounded to bf16, two numbers in the place of one. Sums, exponentials and results stay
    /// f32.
    pub(crate) pairs: bool,
}

impl Heads {
    /// The sizes of an attention with f32 products, for `q` `(batch, ..., channels)` and `k` and `v` of equal shapes
    /// `(batch, ..., channels)`.
    ///
    /// # Errors
    /// If the shapes do not fit, or a causal attention has not as many queries as keys.
    pub(crate) fn of(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Self> {
        let of = |x: &Tensor| match x.dims() {
            [batch, tokens @ .., channels] if !tokens.is_empty() => Some((*batch, tokens.iter().product(), *channels)),
            _ => None,
        };
        let (batch, queries, channels, keys) = match (of(q), of(k)) {
            (Some((batch, queries, channels)), Some((images, keys, width)))
                if heads > 0
                    && channels % heads == 0
                    && (images, width) == (batch, channels)
                    && k.dims() == v.dims() =>
            {
                (batch, queries, channels, keys)
            }
            _ => bail!("attention: {:?} {:?} {:?} do not form {heads} heads", q.dims(), k.dims(), v.dims()),
        };
        if causal && queries != keys {
            bail!("attention: a causal mask needs as many queries as keys, not {queries} and {keys}");
        }
        Ok(Self { batch, queries, keys, heads, head_dim: channels / heads, causal, pairs: false })
    }

    /// How many f32 places `count` numbers need along the dimension that a product sums over.
    pub(crate) fn slots(&self, count: usize) -> usize {
        if self.pairs { count.div_ceil(2) } else { count }
    }

    pub(crate) fn channels(&self) -> usize {
        self.heads * self.head_dim
    }

    /// The factor of the scores before the softmax.
    pub(crate) fn scale(&self) -> f32 {
        1. / (self.head_dim as f32).sqrt()
    }

    /// How many of the keys `first..first + count` query `t` sees.
    pub(crate) fn visible(&self, t: usize, first: usize, count: usize) -> usize {
        if self.causal { (t + 1).saturating_sub(first).min(count) } else { count }
    }

    /// The index of the first number of head `head` of image `image` in a tensor with `tokens` tokens per image.
    pub(crate) fn start(&self, image: usize, head: usize, tokens: usize) -> usize {
        image * tokens * self.channels() + head * self.head_dim
    }
}
