//! New memory for results, which several threads write.

use std::ops::Range;

use rayon::prelude::*;

/// A start address that threads may share because they write to different places.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: users promise, where they dereference an address, that they write disjoint ranges.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(numbers: &mut [f32]) -> Self {
        Self(numbers.as_mut_ptr())
    }

    /// The address of number `index`. The index must be inside the slice.
    #[inline(always)]
    pub(crate) fn at(self, index: usize) -> *mut f32 {
        self.0.wrapping_add(index)
    }

    /// The numbers beginning with number `index`.
    pub(crate) fn offset(self, index: usize) -> Self {
        Self(self.at(index))
    }
}

/// Makes `length` numbers without setting them to zero first.
///
/// # Safety
/// `fill` must write all `length` numbers, beginning at the address that it is given.
pub(crate) unsafe fn written(length: usize, fill: impl FnOnce(Shared)) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(length);
    fill(Shared(numbers.as_mut_ptr()));
    // SAFETY: the vector has this capacity, and the caller's `fill` has written the numbers.
    unsafe { numbers.set_len(length) };
    numbers
}

/// Makes `length` numbers in pieces of `piece` numbers. For each piece, some thread calls `fill(start, numbers)`, where
/// `start` is the index of the piece's first number.
///
/// A piece is set to zeros just before `fill` is called, so that it is already in that thread's cache.
pub(crate) fn filled(length: usize, piece: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let pieces = (0..length.div_ceil(piece.max(1))).map(|i| i * piece..length.min((i + 1) * piece));
    filled_in(pieces.collect(), fill)
}

/// Like [`filled`], for the given pieces. They must follow each other without gaps, beginning at 0.
pub(crate) fn filled_in(pieces: Vec<Range<usize>>, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let end = pieces.iter().fold(0, |end, piece| {
        assert!(piece.start == end && piece.end >= end, "the pieces have a gap between them");
        piece.end
    });
    let work = |out: Shared| {
        pieces.into_par_iter().for_each(|piece| {
            let (address, length) = (out.at(piece.start), piece.len());
            // SAFETY: the piece lies inside the new memory, no other piece overlaps it, and the first line initialises
            // it.
            unsafe {
                address.write_bytes(0, length);
                fill(piece.start, std::slice::from_raw_parts_mut(address, length));
            }
        });
    };
    // SAFETY: the pieces cover all numbers.
    unsafe { written(end, work) }
}
