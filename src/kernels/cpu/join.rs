//! Sums of rows, and rows side by side, shared among threads.

use super::fresh::filled;

/// Numbers that one thread writes at a time.
const PIECE: usize = 1 << 14;

fn sum_into(to: &mut [f32], x: &[f32], y: &[f32]) {
    for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
        *to = x + y;
    }
}

/// `x + y`, of the same length.
pub(crate) fn sum(x: &[f32], y: &[f32]) -> Vec<f32> {
    filled(x.len(), PIECE, |start, to| sum_into(to, &x[start..], &y[start..]))
}

/// Every row of `y`, `channels` long, added to `repeated` rows of `x`.
pub(crate) fn sum_of_rows(x: &[f32], y: &[f32], channels: usize, repeated: usize) -> Vec<f32> {
    filled(x.len(), PIECE.next_multiple_of(channels), |start, to| {
        for (row, to) in to.chunks_mut(channels).enumerate() {
            let row = start / channels + row;
            sum_into(to, &x[row * channels..], &y[row / repeated * channels..]);
        }
    })
}

/// Rows of `x`, `channels` long, each followed by a row of `y`, `others` long.
pub(crate) fn side_by_side(x: &[f32], channels: usize, y: &[f32], others: usize) -> Vec<f32> {
    let all = channels + others;
    filled(x.len() + y.len(), PIECE.next_multiple_of(all), |start, to| {
        for (row, to) in to.chunks_exact_mut(all).enumerate() {
            let row = start / all + row;
            to[..channels].copy_from_slice(&x[row * channels..][..channels]);
            to[channels..].copy_from_slice(&y[row * others..][..others]);
        }
    })
}

/// `count` numbers from place `from` on of every row of `x`, `all` long.
pub(crate) fn part_of_rows(x: &[f32], all: usize, from: usize, count: usize) -> Vec<f32> {
    filled(x.len() / all * count, PIECE.next_multiple_of(count), |start, to| {
        for (row, to) in to.chunks_exact_mut(count).enumerate() {
            to.copy_from_slice(&x[(start / count + row) * all + from..][..count]);
        }
    })
}
