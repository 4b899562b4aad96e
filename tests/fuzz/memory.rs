//! Counts what is allocated, so that an input that makes the program allocate without bound is found.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// No input may come this far: it is saved and the process ends, before the machine runs out of memory.
const CEILING: u64 = 4 << 30;

static NOW: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

/// The system's allocator with a count of all bytes in use and of their peak.
pub(crate) struct Counting;

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes as u64, Relaxed).wrapping_add(bytes as u64);
    let before = PEAK.fetch_max(now, Relaxed);
    // Only the first allocation beyond the ceiling reports, because the report allocates too.
    if now > CEILING && before <= CEILING {
        crate::watch::give_up("asks for more memory than any input may");
    }
}

fn shrink(bytes: usize) {
    NOW.fetch_sub(bytes as u64, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new block may exist at once.
        grow(size);
        // SAFETY: as above.
        let new = unsafe { System.realloc(pointer, layout, size) };
        shrink(layout.size());
        new
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Begins a measurement; returns the bytes in use.
pub(crate) fn begin() -> u64 {
    let now = NOW.load(Relaxed);
    PEAK.store(now, Relaxed);
    now
}

/// The most bytes that were in use since [`begin`] returned `start`, on top of those.
pub(crate) fn peak_since(start: u64) -> u64 {
    PEAK.load(Relaxed).saturating_sub(start)
}
