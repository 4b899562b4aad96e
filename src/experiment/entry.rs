//! A value of a setting and where it was written.

use super::source::Origin;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) value: toml::Value,
    pub(super) origin: Origin,
    /// Precedence: the number of its layer; a sweep's value is above all layers.
    pub(super) layer: usize,
}

/// Settings by dotted name, in the order they were written.
pub(super) type Assignments = Vec<(String, Entry)>;

/// The byte at which a value starts, for "in file order".
pub(super) fn position(entry: &Entry) -> usize {
    match &entry.origin {
        Origin::File { key, .. } => key.start,
        Origin::Text { .. } => usize::MAX,
    }
}
