//! The bytes that attention needs besides its arguments and results.

use super::forward::PIECE;
use super::tiles::{KEYS, QUERIES};
use crate::kernels::layers::heads::Heads;

/// The copies of one head's tokens, in bytes: with channels side by side, and with tokens side by side. `lanes` is the
/// length of a vector.
fn copies(h: &Heads, tokens: usize, lanes: usize) -> [usize; 2] {
    let by_channels = tokens.next_multiple_of(2 * lanes) * h.slots(h.head_dim);
    let by_tokens = h.slots(tokens) * h.head_dim.next_multiple_of(lanes);
    [4 * by_channels, 4 * by_tokens]
}

/// A block of scores, and with pairs its roundings.
fn block(h: &Heads) -> usize {
    QUERIES * KEYS * if h.pairs { 8 } else { 4 }
}

/// In the forward pass: all keys and values, and for each thread a block of scores and its sums.
pub(crate) fn forward(h: &Heads, lanes: usize, threads: usize) -> usize {
    let keys_and_values: usize = copies(h, h.keys, lanes).iter().sum();
    let sums = 4 * PIECE * h.head_dim.next_multiple_of(lanes);
    h.batch * h.heads * keys_and_values + threads * (block(h) + sums)
}

/// In the backward pass, where each thread has one head: keys twice, values, gradients of the queries, and with pairs
/// queries and gradients once more.
pub(crate) fn backward(h: &Heads, lanes: usize, threads: usize) -> usize {
    let [by_channels, by_tokens] = copies(h, h.keys, lanes);
    let of_queries = 4 * h.queries * (h.head_dim.next_multiple_of(lanes) + 1);
    let again = if h.pairs { 2 * copies(h, h.queries, lanes)[1] } else { 0 };
    let blocks = 2 * block(h) + 2 * 4 * h.head_dim * KEYS;
    threads.min(h.batch * h.heads) * (2 * by_channels + by_tokens + of_queries + again + blocks)
}
