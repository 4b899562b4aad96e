//! The layers of a network that an adapter can change.

use crate::choice::Targets;

/// A linear layer or a convolution that an adapter can change. The network makes it where it builds the layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdaptableLayer {
    /// Path in the network with dots, e.g. `down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`.
    pub name: String,
    /// Width of the layer's input: channels of a convolution.
    pub in_features: usize,
    /// Width of the layer's output.
    pub out_features: usize,
    /// Height and width of a convolution's window. A 1×1 convolution is computed as a linear layer, but files have four
    /// dimensions for its matrices. `None` for a linear layer.
    pub window: Option<(usize, usize)>,
    /// What the layer's input consists of.
    pub tokens: Tokens,
    /// What the layer does in the network.
    pub role: Role,
}

impl AdaptableLayer {
    /// Whether an adapter with these targets changes it.
    #[must_use]
    pub fn is_in(&self, targets: Targets) -> bool {
        match targets {
            Targets::Attention => self.role == Role::Attention,
            Targets::AttentionFeedForward => matches!(self.role, Role::Attention | Role::FeedForward),
            Targets::All => self.role != Role::Edge,
        }
    }
}

/// What a layer does in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Queries, keys, values, or the projection behind an attention.
    Attention,
    /// One of the two linear layers behind an attention.
    FeedForward,
    /// Anything else inside the blocks: the projections around a transformer, of the time, and convolutions.
    Other,
    /// Before or behind the blocks: no training here changes it, but adapters of other programs may.
    Edge,
}

/// What a layer's input `(B, tokens, in)` consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tokens {
    /// The tokens of the prompt.
    Context,
    /// One vector for each sample, e.g. the embedding of the time.
    Single,
    /// The places of a feature map. Its sides are those of the latents, halved this many times and rounded up each
    /// time.
    Grid(usize),
}

impl Tokens {
    /// How many tokens there are for latents of `(height, width)` and a prompt of `context` tokens.
    #[must_use]
    pub fn count(self, (height, width): (usize, usize), context: usize) -> usize {
        match self {
            Self::Context => context,
            Self::Single => 1,
            Self::Grid(level) => {
                let side = |length: usize| (0..level).fold(length, |length, _| length.div_ceil(2));
                side(height) * side(width)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_follow_the_latents_and_the_prompt() {
        let count = |tokens: Tokens| tokens.count((64, 45), 77);
        assert_eq!((count(Tokens::Context), count(Tokens::Single)), (77, 1));
        assert_eq!([0, 1, 2, 3].map(|level| count(Tokens::Grid(level))), [64 * 45, 32 * 23, 16 * 12, 8 * 6]);
    }
}
