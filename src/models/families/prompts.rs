//! What a family's prompts become.

/// How a prompt becomes the conditions of a denoiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptRules {
    /// Which states of the text encoders the denoiser attends to.
    pub states: TextStates,
    /// Whether an empty negative prompt becomes zeros instead of what the text encoders make of it
    /// (`force_zeros_for_empty_prompt` in `model_index.json`).
    pub zeros_if_empty: bool,
}

impl PromptRules {
    /// How many last layers of a text encoder may be left out, beside those that the family never uses; at least one
    /// layer stays.
    #[must_use]
    pub fn most_clip_skip(&self, layers: usize) -> usize {
        let used = match self.states {
            TextStates::Last => layers,
            TextStates::Penultimate => layers.saturating_sub(1),
        };
        used.saturating_sub(1)
    }
}

/// Which states of a text encoder a denoiser attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextStates {
    /// The last layer's, after the final norm.
    Last,
    /// Those of the last layer but one, without a norm.
    Penultimate,
}
