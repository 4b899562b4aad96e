//! How the C library hands out memory.

/// Makes the C library keep memory that was freed for what is allocated next, instead of giving it back to the system: every step
/// allocates the same large tensors, and getting them page by page from the system costs a tenth of a step.
///
/// To be called before other threads start. Does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: these options only change how later allocations are made.
    unsafe {
        // One heap for all threads, none of it mapped apart or trimmed.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

/// Gives freed memory back to the system once, e.g. between two pieces of work of which the next may need little.
pub fn release_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: frees only what nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
