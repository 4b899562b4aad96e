//! Sums of rows, and rows side by side. Several threads share the work.

use crate::kernels::host::fresh::filled;
use crate::kernels::host::sum::{PIECE, sum_into};

/// Adds every row of `y` to `repeated` rows of `x`. All rows have `channels` numbers.
pub(crate) fn sum_of_rows(x: &[f32], y: &[f32], channels: usize, repeated: usize) -> Vec<f32> {
    filled(x.len(), PIECE.next_multiple_of(channels), |start, to| {
        for (row, to) in to.chunks_mut(channels).enumerate() {
            let row = start / channels + row;
            sum_into(to, &x[row * channels..], &y[row / repeated * channels..]);
        }
    })
}

/// Puts a row of `y` (`others` numbers) after each row of `x` (`channels` numbers).
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

/// Cuts `count` numbers out of every row of `x`, beginning with number `from`. A row of `x` has `all` numbers.
pub(crate) fn part_of_rows(x: &[f32], all: usize, from: usize, count: usize) -> Vec<f32> {
    filled(x.len() / all * count, PIECE.next_multiple_of(count), |start, to| {
        for (row, to) in to.chunks_exact_mut(count).enumerate() {
            to.copy_from_slice(&x[(start / count + row) * all + from..][..count]);
        }
    })
}
