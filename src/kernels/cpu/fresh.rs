//! New memory for results, written by several threads.

use std::ops::Range;

use rayon::prelude::*;

/// A start address that threads may share because they write to different places.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: users write disjoint ranges, which is the promise they make where they dereference.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(numbers: &mut [f32]) -> Self {
        Self(numbers.as_mut_ptr())
    }

    /// The address of number `index`, which must be inside the slice.
    #[inline(always)]
    pub(crate) fn at(self, index: usize) -> *mut f32 {
        self.0.wrapping_add(index)
    }

    /// The same numbers from `index` on.
    pub(crate) fn offset(self, index: usize) -> Self {
        Self(self.at(index))
    }
}

/// `length` numbers, without filling them with zeros first.
///
/// # Safety
/// `fill` writes every number from the address it is given on.
pub(crate) unsafe fn written(length: usize, fill: impl FnOnce(Shared)) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(length);
    fill(Shared(numbers.as_mut_ptr()));
    // SAFETY: the capacity is there and the caller's `fill` has written the numbers.
    unsafe { numbers.set_len(length) };
    numbers
}

/// `length` numbers, every `piece` of which `fill(start, numbers)` writes on some thread; `start` is the place of its first number.
/// They are zeros first, set just before so that they are in that thread's cache.
pub(crate) fn filled(length: usize, piece: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let pieces = (0..length.div_ceil(piece.max(1))).map(|i| i * piece..length.min((i + 1) * piece));
    filled_in(pieces.collect(), fill)
}

/// As [`filled`], for pieces that follow each other from 0 on.
pub(crate) fn filled_in(pieces: Vec<Range<usize>>, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let end = pieces.iter().fold(0, |end, piece| {
        assert!(piece.start == end && piece.end >= end, "pieces with a gap");
        piece.end
    });
    let work = |out: Shared| {
        pieces.into_par_iter().for_each(|piece| {
            let (address, length) = (out.at(piece.start), piece.len());
            // SAFETY: inside the new memory, in no other piece, and initialised by the first line.
            unsafe {
                address.write_bytes(0, length);
                fill(piece.start, std::slice::from_raw_parts_mut(address, length));
            }
        });
    };
    // SAFETY: the pieces are all of it.
    unsafe { written(end, work) }
}
