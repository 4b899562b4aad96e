//! How a prompt is read.

use serde::{Deserialize, Serialize};

use super::words::is_default;

/// How a model reads prompts. The default reads the first 77 tokens as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptOptions {
    /// Last layers of the text encoder that are left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clip_skip: usize,
    /// Whether prompts of more than 77 tokens are read to the end, in chunks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub long_prompts: bool,
    /// Whether `(word:1.2)`, `(word)` and `[word]` weight words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prompt_weights: bool,
}
