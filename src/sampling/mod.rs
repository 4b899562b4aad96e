//! From noise to latents: noise schedules, samplers and noise. Tensors only, no model.

pub mod noise;
pub mod samplers;
pub mod schedule;
