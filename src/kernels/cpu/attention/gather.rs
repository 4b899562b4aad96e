//! Copies of one head's numbers in the orders in which the register tiles read them. A "slot" is the place of one f32
//! number, or of a pair of bf16 numbers.

use super::tiles::QUERIES;
use crate::kernels::host::aligned::Aligned;
use crate::kernels::layers::heads::Heads;
use crate::kernels::simd::instructions::{Simd, Task};

/// One head of `(tokens, channels)` as the right-hand side of a product.
pub(super) struct Gather<'a> {
    pub(super) from: &'a [f32],
    pub(super) h: Heads,
    pub(super) tokens: usize,
    pub(super) order: Order,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// For products that sum over channels: `[panel of 2·LANES tokens][channel slot][token]`.
    Channels,
    /// For products that sum over tokens: `[token slot][channel, padded to whole vectors]`.
    Tokens,
}

impl Task for Gather<'_> {
    type Output = Aligned;

    #[inline(always)]
    fn run<S: Simd>(self) -> Aligned {
        let Self { from, h, tokens, order } = self;
        let (dim, slots, pairs) = (h.head_dim, h.slots(h.head_dim), h.pairs);
        let row = |token: usize| &from[token * h.channels()..][..dim];
        match order {
            Order::Channels => {
                let width = 2 * S::LANES;
                let mut to = Aligned::zeros(tokens.div_ceil(width) * width * slots);
                let mut rounded = vec![0f32; if pairs { slots } else { 0 }];
                for token in 0..tokens {
                    let panel = &mut to[token / width * width * slots..][..width * slots];
                    let places = panel[token % width..].iter_mut().step_by(width);
                    let numbers = if pairs {
                        // SAFETY: a slot has room for two numbers; the last half slot of an odd row stays zero.
                        unsafe { S::narrow(row(token).as_ptr(), rounded.as_mut_ptr().cast(), dim) };
                        &rounded
                    } else {
                        row(token)
                    };
                    places.zip(numbers).for_each(|(place, number)| *place = *number);
                }
                to
            }
            Order::Tokens => {
                let padded = dim.next_multiple_of(S::LANES);
                let mut to = Aligned::zeros(h.slots(tokens) * padded);
                let none = vec![0f32; if pairs { dim } else { 0 }];
                for (slot, to) in to.chunks_exact_mut(padded).enumerate() {
                    if !pairs {
                        to[..dim].copy_from_slice(row(slot));
                    } else {
                        let (low, high) = (2 * slot, 2 * slot + 1);
                        let high = if high < tokens { row(high) } else { &none };
                        // SAFETY: both rows and `to` have `dim` numbers.
                        unsafe { S::pair_rows(row(low).as_ptr(), high.as_ptr(), to.as_mut_ptr(), dim) };
                    }
                }
                to
            }
        }
    }
}

/// The rows of some queries as the left-hand side of a product. They are read where they lie, or rounded to bf16 first.
pub(super) struct Left {
    rounded: Aligned,
}

impl Left {
    pub(super) fn new(h: &Heads) -> Self {
        Self { rounded: Aligned::zeros(if h.pairs { QUERIES * h.slots(h.head_dim) } else { 0 }) }
    }

    /// The addresses of `count` rows; `from` begins with the first of them.
    #[inline(always)]
    pub(super) fn rows<S: Simd>(&mut self, h: &Heads, from: &[f32], count: usize) -> [*const f32; QUERIES] {
        let mut rows = [std::ptr::null(); QUERIES];
        let slots = h.slots(h.head_dim);
        for (i, address) in rows.iter_mut().enumerate().take(count) {
            let row = &from[i * h.channels()..][..h.head_dim];
            *address = if h.pairs {
                let to = &mut self.rounded[i * slots..][..slots];
                // SAFETY: a slot has room for two numbers; the last half slot of an odd row stays zero.
                unsafe { S::narrow(row.as_ptr(), to.as_mut_ptr().cast(), row.len()) };
                to.as_ptr()
            } else {
                row.as_ptr()
            };
        }
        rows
    }
}
