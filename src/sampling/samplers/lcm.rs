//! Multistep sampling of latent consistency models: Luo et al. 2023, [arXiv 2310.04378](https://arxiv.org/abs/2310.04378),
//! algorithm 3. For models and adapters that were distilled for it, in 1 to 8 steps.
//!
//! Follows [`scheduling_lcm.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_lcm.py)
//! with 50 original steps; the model's timestep spacing does not matter.

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::ddpm::clean_latents;
use super::method::{Layout, Method, NoiseSource};
use crate::sampling::schedule::{NoiseSchedule, PredictionType};

/// The steps of the teacher from which consistency models are distilled; a run visits some of its timesteps.
const ORIGINAL_STEPS: usize = 50;
/// The boundary condition's standard deviation of the data, and the factor of timesteps in it.
const SIGMA_DATA: f64 = 0.5;
const TIMESTEP_SCALING: f64 = 10.0;

/// What the model predicts, with timestep and ᾱ of every call.
#[derive(Debug)]
struct Lcm {
    prediction: PredictionType,
    calls: Vec<(f32, f32)>,
}

/// A consistency model's run in so many steps.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize) -> Result<Layout> {
    let total = schedule.train_timesteps();
    let original = ORIGINAL_STEPS.min(total);
    if steps > original {
        bail!("{steps} steps of lcm; it visits timesteps of the {original} that models are distilled for: use fewer");
    }
    let stride = total / original;
    // numpy.floor(numpy.linspace(0, original, steps, endpoint=False))
    let place = |i: usize| (i as f64 * (original as f64 / steps as f64)).floor() as usize;
    let visited: Vec<usize> = (0..steps).map(|i| (original - place(i)) * stride - 1).collect();
    let calls: Vec<(f32, f32)> = visited.iter().map(|t| (*t as f32, schedule.alphas_cumprod[*t])).collect();
    if schedule.prediction_type == PredictionType::Epsilon && calls.iter().any(|(_, alpha)| *alpha == 0.0) {
        bail!("lcm cannot start from pure noise with a model that predicts the noise; use another sampler");
    }
    let timesteps = calls.iter().map(|(t, _)| *t).collect();
    let method = Box::new(Lcm { prediction: schedule.prediction_type, calls });
    Ok(Layout { timesteps, init_noise_sigma: 1.0, sigmas: Vec::new(), divides_by_distance: false, method })
}

impl Method for Lcm {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        let (t, alpha) = self.calls[i];
        let clean = clean_latents(self.prediction, output, alpha, x)?;
        let scaled = f64::from(t) * TIMESTEP_SCALING;
        let square = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
        let (skip, out) = (SIGMA_DATA * SIGMA_DATA / square, scaled / square.sqrt());
        let denoised = combine(out as f32, &clean, skip as f32, x)?;
        match self.calls.get(i + 1) {
            Some((_, next)) => scale(&denoised, next.sqrt())? + scale(&noise(x.dims())?, (1.0 - next).sqrt())?,
            None => Ok(denoised),
        }
    }
}
