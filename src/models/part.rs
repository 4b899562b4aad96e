//! One part of a model whose weights are still on disk.

use std::sync::Arc;

use super::network::Network;
use super::tokenizer::Tokenizer;
use crate::tensors::{ModelPart, Weights};

/// A network, its weights on disk and, for a text encoder, its tokenizer.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name and files in a diffusers folder.
    pub data: ModelPart,
    /// The network with its configuration.
    pub network: Network,
    /// Its tensors, still on disk.
    pub weights: Weights,
    /// Prompt → token ids, for a text encoder.
    pub tokenizer: Option<Arc<Tokenizer>>,
}
