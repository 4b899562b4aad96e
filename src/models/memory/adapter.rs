//! How many numbers an adapter has.

use super::super::adaptable::AdaptableLayer;
use super::super::trace::Adapters;
use crate::choice::AdapterKind;

/// Numbers of the tensors of an adapter on these layers.
pub(super) fn numbers(adapter: Adapters, layers: impl IntoIterator<Item = AdaptableLayer>) -> u64 {
    let window = |layer: &AdaptableLayer| layer.window.map_or(1, |(height, width)| height * width);
    let pair = |layer: AdaptableLayer| adapter.rank * (layer.in_features * window(&layer) + layer.out_features);
    let pairs = layers.into_iter().map(pair).sum::<usize>() as u64;
    match adapter.kind {
        // The lengths of DoRA, and what LoKr saves, are not worth a word.
        AdapterKind::Lora | AdapterKind::Dora | AdapterKind::Lokr => pairs,
        // Two pairs, whose products are multiplied.
        AdapterKind::Loha => 2 * pairs,
    }
}
