use candle_core::Result;

/// Room for the recursion of candle's backward pass and for dropping a graph: both go as deep as the graph,
/// some thousand operations for Stable Diffusion.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a thread with a large stack (address space, not memory) and waits for it.
pub(super) fn with_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("backward".into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, work)?.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
