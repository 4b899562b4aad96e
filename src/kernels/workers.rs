//! The threads that models run on.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::autodiff::recording::unrecorded;

/// The stack of a thread. candle's backward pass, and dropping its graph, recurse as deep as the graph is: some
/// thousand operations for Stable Diffusion, on devices where kernels are not recorded. This is address space, not
/// memory.
const STACK_BYTES: usize = 256 << 20;

/// The pool, with one thread per core or `RAYON_NUM_THREADS`. `None` if the system gives no threads.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let start =
        || ThreadPoolBuilder::new().stack_size(STACK_BYTES).thread_name(|i| format!("kernels {i}")).build().ok();
    POOL.get_or_init(start).as_ref()
}

/// Runs `work`, a whole pass through a model, on a thread of the pool that the kernels use.
///
/// Such a thread takes part in every kernel. Any other thread would sleep during each kernel and be woken after it,
/// hundreds of times in a pass. If the caller is on a thread of a rayon pool already, `work` runs there.
pub fn on_workers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match pool() {
        Some(pool) => pool.install(|| unrecorded(work)),
        None => work(),
    }
}

/// Like [`on_workers`], but always on a thread whose stack is deep enough for the backward pass of a large model.
///
/// # Errors
/// If `work` fails, or the system gives no threads.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> candle_core::Result<T> + Send) -> candle_core::Result<T> {
    match pool() {
        Some(pool) => pool.install(|| unrecorded(work)),
        None => candle_core::bail!("the system does not start threads with stacks of {} MiB", STACK_BYTES >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: usize) -> usize {
        let room = std::hint::black_box([n; 512]);
        if n == 0 { 0 } else { 1 + depth(n - 1) + room[0] - n }
    }

    #[test]
    fn deep_recursions_fit_wherever_they_are_called_from() {
        let deep = || on_deep_stack(|| Ok(depth(20_000))).unwrap();
        assert_eq!(deep(), 20_000);
        let small = ThreadPoolBuilder::new().num_threads(1).stack_size(1 << 20).build().unwrap();
        assert_eq!(small.install(deep), 20_000);
    }

    #[test]
    fn a_pool_that_was_chosen_is_kept() {
        let chosen = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(chosen.install(|| on_workers(rayon::current_num_threads)), 3);
        assert!(on_workers(rayon::current_thread_index).is_some());
    }
}
