//! What to do when memory is short.

/// Settings that need less memory, most helpful first.
pub const LESS_MEMORY: &str = "to need less memory: train.gradient_checkpointing = true, train.batch_size = 1, \
     generate.batch_size = 1, a smaller dataset.resolution, model.dtype = \"bf16\", or on a CPU model.low_memory = true";

/// Adds what to do to a reason that speaks of memory.
pub(super) fn with_advice(reason: &str) -> String {
    let lower = reason.to_lowercase();
    let memory = ["out of memory", "out_of_memory", "failed to allocate", "memory allocation"];
    if memory.iter().any(|words| lower.contains(words)) {
        format!("{reason}\n{LESS_MEMORY}")
    } else {
        reason.to_owned()
    }
}
