//! The threads that models run on.

use std::sync::OnceLock;

use super::autodiff::recording::unrecorded;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Room for the recursion of candle's backward pass and for dropping a graph, both of which go as deep as the graph: on devices where
/// kernels are not recorded some thousand operations for Stable Diffusion. Address space, not memory.
const STACK_BYTES: usize = 256 << 20;

/// One thread per core, or `RAYON_NUM_THREADS`. `None` if the system has no threads to give.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let start =
        || ThreadPoolBuilder::new().stack_size(STACK_BYTES).thread_name(|i| format!("kernels {i}")).build().ok();
    POOL.get_or_init(start).as_ref()
}

/// Runs `work`, a whole pass through a model, on a thread that shares every kernel's work with the others by itself. Any other thread would sleep
/// through each kernel and be woken after it, hundreds of times in a pass. On a thread of a rayon pool `work` stays there.
pub fn on_workers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match pool() {
        Some(pool) => pool.install(|| unrecorded(work)),
        None => work(),
    }
}

/// As [`on_workers`], but always on a thread whose stack is deep enough for the backward pass of a large model.
///
/// # Errors
/// If the system has no threads to give.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> candle_core::Result<T> + Send) -> candle_core::Result<T> {
    match pool() {
        Some(pool) => pool.install(|| unrecorded(work)),
        None => candle_core::bail!("the system does not start threads with stacks of {} MiB", STACK_BYTES >> 20),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use candle_core::{Device, Tensor, Var};

    use super::*;
    use crate::kernels::{record, silu};

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

    /// Whole passes are recorded where they are called from, and what other threads hand in is not.
    #[test]
    fn only_the_work_of_the_one_who_records_is_recorded() {
        let x = Var::zeros(5, candle_core::DType::F32, &Device::Cpu).unwrap();
        let recorded = on_deep_stack(|| Ok(record(|| on_workers(|| silu(&x)))?.0)).unwrap();
        assert!(recorded.is_variable());
        let (foreign, _) = record(|| on_deep_stack(|| silu(&x))).unwrap();
        assert!(foreign.track_op() && !foreign.is_variable());
    }

    #[test]
    fn a_panic_ends_a_recording() {
        let x = Var::zeros(5, candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(catch_unwind(|| record(|| -> candle_core::Result<Tensor> { panic!("on purpose") })).is_err());
        assert!(silu(&x.affine(2., 0.).unwrap()).is_ok());
    }
}
