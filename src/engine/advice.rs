//! What to do when memory is short.

use crate::experiment::{Settings, settings::Dtype};

/// Settings that need less memory, most helpful first: only what these settings on that class of device do not do
/// yet, or all there are.
#[must_use]
pub fn less_memory(of: Option<(&Settings, &str)>) -> String {
    let helps = |test: &dyn Fn(&Settings, &str) -> bool| of.is_none_or(|(settings, device)| test(settings, device));
    let ways = [
        (helps(&|s, _| !s.train.recipe.gradient_checkpointing), "train.gradient_checkpointing = true"),
        (helps(&|s, _| s.train.recipe.batch_size > 1), "train.batch_size = 1"),
        (helps(&|s, _| s.generate.batch_size > 1), "generate.batch_size = 1"),
        (true, "a smaller dataset.resolution"),
        (helps(&|s, _| s.model.dtype == Dtype::F32), "model.dtype = \"bf16\""),
        (helps(&|s, _| s.model.dtype != Dtype::Int8), "model.dtype = \"int8\""),
        (helps(&|s, device| device == "cpu" && !s.model.low_memory), "on a CPU model.low_memory = true"),
    ];
    let ways: Vec<&str> = ways.into_iter().filter_map(|(helps, way)| helps.then_some(way)).collect();
    format!("to need less memory: {}", ways.join(", "))
}

/// Adds what to do to a reason that speaks of memory.
pub(super) fn with_advice(reason: &str, settings: &Settings, device: &str) -> String {
    let lower = reason.to_lowercase();
    let memory = ["out of memory", "out_of_memory", "failed to allocate", "memory allocation"];
    if memory.iter().any(|words| lower.contains(words)) {
        format!("{reason}\n{}", less_memory(Some((settings, device))))
    } else {
        reason.to_owned()
    }
}
