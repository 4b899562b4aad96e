//! Which weights have another learning rate than the schedule's.

use super::trainer::TrainingConfig;
use crate::choice::AdapterKind;

/// The learning rate of each weight, as a multiple of the schedule's.
pub(super) struct Rates {
    /// Of the text encoders' layers.
    text: f64,
    /// Of B, and the end of its name.
    up: Option<(f64, &'static str)>,
}

impl Rates {
    pub(super) fn of(config: &TrainingConfig, kind: AdapterKind) -> Self {
        let text = config.text_encoder_rate.map_or(1.0, |rate| rate / config.learning_rate.peak);
        let up = match kind {
            AdapterKind::Lora | AdapterKind::Dora => Some((config.lora_plus_ratio, ".up")),
            AdapterKind::Loha | AdapterKind::Lokr => None,
        };
        Self { text, up }
    }

    /// The multiple for a variable of the adapter.
    pub(super) fn factor(&self, name: &str) -> f64 {
        let text = if name.starts_with("text_encoder") { self.text } else { 1.0 };
        let up = self.up.filter(|(_, end)| name.ends_with(end)).map_or(1.0, |(ratio, _)| ratio);
        text * up
    }
}
