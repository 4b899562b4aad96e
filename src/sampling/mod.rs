//! From noise to latents: processes, noise schedules, samplers and noise. Tensors only, no model.

pub mod guidance;
pub mod noise;
pub mod process;
pub mod samplers;
pub mod schedule;
