//! What can be said about an encoder without loading its weights.

use super::kind::EncoderKind;

/// What a folder holds, from its configurations and the headers of its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderInfo {
    /// The kind of network.
    pub kind: EncoderKind,
    /// Height and width in pixels of the pictures that the network reads, after resizing and cropping.
    pub image_size: (usize, usize),
    /// Numbers in a feature.
    pub dim: usize,
    /// Whether it makes features of texts, too.
    pub has_text: bool,
    /// Numbers in all tensors together.
    pub parameters: u64,
    /// What the user should know of the folder, each a plain sentence.
    pub warnings: Vec<String>,
}
