//! A block of scores of the backward pass, in the orders that its products read.

use super::tiles::{KEYS, QUERIES};
use crate::kernels::host::aligned::Aligned;
use crate::kernels::layers::heads::Heads;
use crate::kernels::simd::instructions::Simd;

/// A block of scores `(QUERIES, KEYS)`. With pairs it is also rounded, in pairs of neighbouring keys and in pairs of
/// neighbouring queries.
pub(super) struct Scores {
    numbers: Aligned,
    by_keys: Aligned,
    by_queries: Aligned,
}

impl Scores {
    pub(super) fn new(h: &Heads) -> Self {
        let half = || Aligned::zeros(if h.pairs { QUERIES * KEYS / 2 } else { 0 });
        Self { numbers: Aligned::zeros(QUERIES * KEYS), by_keys: half(), by_queries: half() }
    }

    pub(super) fn rows(&mut self) -> [*mut f32; QUERIES] {
        let start = self.numbers.as_mut_ptr();
        std::array::from_fn(|i| start.wrapping_add(i * KEYS))
    }

    #[inline(always)]
    pub(super) fn row(&mut self, i: usize) -> &mut [f32] {
        &mut self.numbers[i * KEYS..(i + 1) * KEYS]
    }

    /// The first `count` rows, for a product that sums over the first `keys` keys.
    #[inline(always)]
    pub(super) fn by_keys<S: Simd>(&mut self, h: &Heads, count: usize, keys: usize) -> [*const f32; QUERIES] {
        let Self { numbers, by_keys, .. } = self;
        if !h.pairs {
            let start = numbers.as_ptr();
            return std::array::from_fn(|i| start.wrapping_add(i * KEYS));
        }
        for i in 0..count {
            let to = by_keys[i * KEYS / 2..].as_mut_ptr();
            // SAFETY: KEYS numbers fit into half as many places.
            unsafe { S::narrow(numbers[i * KEYS..].as_ptr(), to.cast(), keys.next_multiple_of(2)) };
        }
        let start = by_keys.as_ptr();
        std::array::from_fn(|i| start.wrapping_add(i * KEYS / 2))
    }

    /// Rows of KEYS places, for a product that sums over the first `count` queries.
    #[inline(always)]
    pub(super) fn by_queries<S: Simd>(&mut self, h: &Heads, count: usize, keys: usize) -> *const f32 {
        let Self { numbers, by_queries, .. } = self;
        if !h.pairs {
            return numbers.as_ptr();
        }
        if count % 2 == 1 {
            numbers[count * KEYS..][..KEYS].fill(0.);
        }
        for i in (0..count).step_by(2) {
            let [row, next] = [i, i + 1].map(|i| numbers[i * KEYS..][..KEYS].as_ptr());
            // SAFETY: all rows have KEYS numbers.
            unsafe { S::pair_rows(row, next, by_queries[i / 2 * KEYS..].as_mut_ptr(), keys) };
        }
        by_queries.as_ptr()
    }
}
