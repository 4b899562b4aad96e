//! Which weights have another learning rate than the schedule's.

use crate::choice::AdapterKind;

/// The learning rate of each weight, as a multiple of the schedule's.
pub(super) struct Rates {
    /// Of the text encoders' layers.
    text: f64,
    /// Of B, and the end of its name.
    up: Option<(f64, &'static str)>,
}

impl Rates {
    /// The text encoders' rate is `text` times the schedule's; that of B is `ratio` times that of A, in kinds with a B.
    pub(super) fn new(kind: AdapterKind, text: f64, ratio: f64) -> Self {
        let up = match kind {
            AdapterKind::Lora | AdapterKind::Dora => Some((ratio, ".up")),
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
