//! What a sampling method is: where the model is called, and what becomes of its outputs.

use std::fmt::Debug;

use candle_core::{Result, Tensor};

/// Draws standard normal noise of a shape, f32, on the device of the latents.
pub type NoiseSource<'a> = dyn FnMut(&[usize]) -> Result<Tensor> + 'a;

/// A method with the tensors of its last steps.
pub(super) trait Method: Debug {
    /// What the model gets to see of the latents at call `i`.
    fn scale_model_input(&self, x: &Tensor, _i: usize) -> Result<Tensor> {
        Ok(x.clone())
    }

    /// The latents after call `i`, from the model's output and the latents before it, all of one shape, f32.
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor>;
}

/// A method laid out on a model's schedule.
pub(super) struct Layout {
    /// The timestep of every model call, from noise to image.
    pub(super) timesteps: Vec<f32>,
    /// The standard deviation of the noise at the start.
    pub(super) init_noise_sigma: f32,
    /// The noise levels σ between the calls and the last one; empty for methods that do not work on σ.
    pub(super) sigmas: Vec<f32>,
    /// Whether the method divides by the distance of two levels in log σ, so that these must fall from call to call.
    /// It never divides by the last distance.
    pub(super) divides_by_distance: bool,
    /// The method.
    pub(super) method: Box<dyn Method>,
}
