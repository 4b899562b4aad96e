//! How the C library hands out memory.

/// Makes the C library keep freed memory for later allocations instead of giving it back to the system. Every
/// training step allocates the same large tensors, and getting them from the system page by page costs a tenth of
/// a step.
///
/// Call it before other threads start. It does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: these options only change how later allocations are made.
    unsafe {
        // All threads share one heap. No allocation is mapped separately, and the heap is never trimmed.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

/// Gives freed memory back to the system once. Call it between two pieces of work when the second may need little
/// memory.
pub fn release_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: this frees only memory that nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
