//! How a base model reads the prompts of a study.

use std::collections::BTreeMap;

use crate::choice::PromptOptions;
use crate::models::Reading;

/// What a base model sees of each prompt, as far as its tokenizer was at hand.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// By the options that count here: long prompts, and weights.
    known: BTreeMap<(bool, bool), BTreeMap<String, Reading>>,
}

impl Readings {
    /// What is known of a prompt that is read with these options.
    #[must_use]
    pub fn get(&self, prompt: &str, options: &PromptOptions) -> Option<&Reading> {
        self.known.get(&kind(options))?.get(prompt)
    }

    /// Notes how a prompt is read with these options.
    pub fn insert(&mut self, prompt: String, options: &PromptOptions, reading: Reading) {
        self.known.entry(kind(options)).or_default().insert(prompt, reading);
    }
}

/// Layers that are left out change nothing of what is read.
fn kind(options: &PromptOptions) -> (bool, bool) {
    (options.long_prompts, options.prompt_weights)
}
