//! The names of the adapter files of a `train` artifact.

/// The adapter as diffusers names it.
pub const DIFFUSERS: &str = "pytorch_lora_weights.safetensors";
/// The adapter as kohya's scripts, A1111 and ComfyUI name it.
pub const KOHYA: &str = "lora_kohya.safetensors";
/// Every adapter file, in the order in which reports list them.
pub const ALL: [&str; 2] = [DIFFUSERS, KOHYA];
