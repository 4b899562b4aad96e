//! Ancestral sampling of DDPM: Ho et al. 2020, [arXiv 2006.11239](https://arxiv.org/abs/2006.11239), algorithm 2 with the
//! smaller variance β̃ (eq. 7), between the timesteps that are visited.
//!
//! Follows [`scheduling_ddpm.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_ddpm.py)
//! with `fixed_small`.

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::ddim;
use super::method::{Layout, Method, NoiseSource};
use crate::sampling::schedule::{NoiseSchedule, PredictionType};

/// The smallest variance; diffusers takes its logarithm elsewhere.
const SMALLEST_VARIANCE: f32 = 1e-20;

/// One call.
#[derive(Debug)]
struct Call {
    /// ᾱ of the timestep.
    alpha: f32,
    /// ᾱ of the timestep that follows; 1 after the last call.
    next: f32,
    /// Whether noise is added: everywhere but at timestep 0.
    noisy: bool,
}

/// What the model predicts, and ᾱ of every call.
#[derive(Debug)]
struct Ddpm {
    prediction: PredictionType,
    calls: Vec<Call>,
}

/// DDPM in so many steps.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize) -> Result<Layout> {
    let timesteps = ddim::timesteps(schedule, steps);
    let at = |t: &f32| schedule.alphas_cumprod.get(*t as usize).copied().unwrap_or(f32::NAN);
    let calls: Vec<Call> = timesteps
        .iter()
        .enumerate()
        .map(|(i, t)| Call { alpha: at(t), next: timesteps.get(i + 1).map_or(1.0, at), noisy: *t > 0.0 })
        .collect();
    // x_0 would be noise divided by ᾱ = 0.
    if schedule.prediction_type == PredictionType::Epsilon && calls.iter().any(|call| call.alpha == 0.0) {
        bail!("ddpm cannot start from pure noise with a model that predicts the noise; use another sampler");
    }
    let method = Box::new(Ddpm { prediction: schedule.prediction_type, calls });
    Ok(Layout { timesteps, init_noise_sigma: 1.0, sigmas: Vec::new(), divides_by_distance: false, method })
}

/// The clean latents x_0 that a model output means where the signal has the share ᾱ.
pub(super) fn clean_latents(prediction: PredictionType, output: &Tensor, alpha: f32, x: &Tensor) -> Result<Tensor> {
    let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
    match prediction {
        PredictionType::Epsilon => scale(&combine(1.0, x, -noise, output)?, 1.0 / signal),
        PredictionType::VPrediction => combine(signal, x, -noise, output),
        PredictionType::Sample => Ok(output.clone()),
    }
}

impl Method for Ddpm {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        let Call { alpha, next, noisy } = self.calls[i];
        let clean = clean_latents(self.prediction, output, alpha, x)?;
        let kept = alpha / next;
        let beta = 1.0 - kept;
        let mean = combine(next.sqrt() * beta / (1.0 - alpha), &clean, kept.sqrt() * (1.0 - next) / (1.0 - alpha), x)?;
        if !noisy {
            return Ok(mean);
        }
        let variance = ((1.0 - next) / (1.0 - alpha) * beta).max(SMALLEST_VARIANCE);
        mean + scale(&noise(x.dims())?, variance.sqrt())?
    }
}
