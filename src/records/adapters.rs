//! The names of the adapter files of a `train` artifact.

/// The adapter as diffusers names it.
pub const DIFFUSERS: &str = "pytorch_lora_weights.safetensors";
/// The adapter as kohya's scripts, A1111 and ComfyUI name it.
pub const KOHYA: &str = "lora_kohya.safetensors";
/// Every file of the adapter of the last step, in the order in which reports list them.
pub const ALL: [&str; 2] = [DIFFUSERS, KOHYA];

/// The file, in the format of diffusers, with the adapter as it was after a step; `None` is the last step.
#[must_use]
pub fn of_step(step: Option<usize>) -> String {
    step.map_or_else(|| DIFFUSERS.to_owned(), |step| format!("kept/step_{step:06}.safetensors"))
}
