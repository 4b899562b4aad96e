//! The forward pass: blocks of scores, a running softmax, a running sum of values.

use std::f32::consts::LOG2_E;

use super::gather::Left;
use super::tiles::{Small, exponentials, largest, multiply, scores};
use super::{Heads, KEYS, QUERIES};
use crate::kernels::cpu::aligned::Aligned;
use crate::kernels::cpu::fresh::Shared;
use crate::kernels::cpu::math::exp2;
use crate::kernels::cpu::simd::{Simd, Task};

/// Some queries of one head.
pub(super) struct Forward<'a> {
    pub(super) h: Heads,
    /// Image and head.
    pub(super) head: usize,
    pub(super) queries: std::ops::Range<usize>,
    pub(super) q: &'a [f32],
    pub(super) keys: &'a Aligned,
    pub(super) values: &'a Aligned,
    pub(super) y: Shared,
    pub(super) logs: Shared,
}

impl Task for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let h = self.h;
        let (dim, padded) = (h.head_dim, h.head_dim.next_multiple_of(S::LANES));
        let start = h.start(self.head / h.heads, self.head % h.heads, h.queries);
        // Of powers of two: `e^(score / √dim) = 2^(scale · score)`.
        let scale = h.scale() * LOG2_E;
        let mut block = Aligned::zeros(QUERIES * KEYS);
        let mut rounded = Aligned::zeros(if h.pairs { QUERIES * KEYS / 2 } else { 0 });
        let mut sums = Aligned::zeros(QUERIES * padded);
        let mut left = Left::new(&h);
        for first_query in self.queries.clone().step_by(QUERIES) {
            let count = (self.queries.end - first_query).min(QUERIES);
            let mut maximum = [f32::NEG_INFINITY; QUERIES];
            let mut total = [0f32; QUERIES];
            sums.fill(0.);
            let queries = left.rows::<S>(&h, &self.q[start + first_query * h.channels()..], count);
            let mut rows = [std::ptr::null_mut::<f32>(); QUERIES];
            let mut weights = [std::ptr::null_mut::<f32>(); QUERIES];
            let mut outputs = [std::ptr::null_mut::<f32>(); QUERIES];
            for i in 0..count {
                rows[i] = block[i * KEYS..].as_mut_ptr();
                weights[i] = if h.pairs { rounded[i * KEYS / 2..].as_mut_ptr() } else { rows[i] };
                outputs[i] = sums[i * padded..].as_mut_ptr();
            }
            let end = h.visible(first_query + count - 1, 0, h.keys);
            for first_key in (0..end).step_by(KEYS) {
                let keys = (end - first_key).min(KEYS);
                let (slots, padded_keys) = (h.slots(keys), if h.pairs { keys.next_multiple_of(2) } else { keys });
                // SAFETY: queries are rows of `dim` numbers, rows have KEYS numbers.
                unsafe {
                    scores::<S>(&queries[..count], self.keys, (h.slots(dim), h.pairs), first_key, keys, &rows[..count]);
                }
                for i in 0..count {
                    // SAFETY: row `i` of `block`, which nobody else looks at meanwhile.
                    let row = unsafe { std::slice::from_raw_parts_mut(rows[i], padded_keys) };
                    let visible = h.visible(first_query + i, first_key, keys);
                    row[visible..].fill(0.);
                    let seen = &mut row[..visible];
                    let largest = maximum[i].max(largest(seen) * scale);
                    if largest > maximum[i] {
                        // SAFETY: row `i` of `sums`.
                        let sums = unsafe { std::slice::from_raw_parts_mut(outputs[i], padded) };
                        let factor = exp2::<S>(maximum[i] - largest);
                        total[i] *= factor;
                        sums.iter_mut().for_each(|x| *x *= factor);
                        maximum[i] = largest;
                    }
                    total[i] += exponentials::<S>(seen, scale, -largest);
                    if h.pairs {
                        // SAFETY: a row of `rounded` has room for KEYS numbers.
                        unsafe { S::narrow(row.as_ptr(), weights[i].cast(), padded_keys) };
                    }
                }
                let values = &self.values[h.slots(first_key) * padded..][..slots * padded];
                let weights = weights.map(<*mut f32>::cast_const);
                let m = Small {
                    a: &weights[..count],
                    a_step: 1,
                    depth: slots,
                    b: values.as_ptr(),
                    b_step: padded,
                    c: &outputs[..count],
                    width: padded,
                    accumulate: true,
                    pairs: h.pairs,
                };
                // SAFETY: weights have `slots` places, values and outputs rows of `padded`.
                unsafe { multiply::<S>(&m) };
            }
            for i in 0..count {
                let query = first_query + i;
                // SAFETY: every query of every head belongs to exactly one piece of work.
                let y = unsafe { std::slice::from_raw_parts_mut(self.y.at(start + query * h.channels()), dim) };
                let inverse = 1. / total[i];
                for (y, sum) in y.iter_mut().zip(&sums[i * padded..]) {
                    *y = sum * inverse;
                }
                // SAFETY: as above.
                unsafe { *self.logs.at(self.head * h.queries + query) = maximum[i] + total[i].log2() };
            }
        }
    }
}
