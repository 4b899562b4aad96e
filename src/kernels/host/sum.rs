//! The sum of two tensors' numbers.

use super::fresh::filled;

/// The numbers that one thread writes at a time.
pub(crate) const PIECE: usize = 1 << 14;

/// Writes `x + y` to `to`, number by number.
pub(crate) fn sum_into(to: &mut [f32], x: &[f32], y: &[f32]) {
    for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
        *to = x + y;
    }
}

/// `x + y`, which have the same length.
pub(crate) fn sum(x: &[f32], y: &[f32]) -> Vec<f32> {
    filled(x.len(), PIECE, |start, to| sum_into(to, &x[start..], &y[start..]))
}
