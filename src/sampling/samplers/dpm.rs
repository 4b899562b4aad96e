//! DPM-Solver++(2M), the midpoint variant: Lu et al. 2022, [arXiv 2211.01095](https://arxiv.org/abs/2211.01095),
//! algorithm 2.
//!
//! Follows [`scheduling_dpmsolver_multistep.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_dpmsolver_multistep.py)
//! with `dpmsolver++` or `sde-dpmsolver++`, order 2, `midpoint` and `lower_order_final`.

use candle_core::{Result, Tensor};

use super::arithmetic::{combine, scale};
use super::grid::{self, Grid};
use super::levels;
use super::method::{Layout, Method, NoiseSource};
use crate::choice::Sigmas;
use crate::sampling::schedule::{FinalSigma, NoiseSchedule, PredictionType, TimestepSpacing};

/// Noise levels and the last prediction of the clean latents.
#[derive(Debug)]
struct Dpm {
    prediction: PredictionType,
    sigmas: Vec<f32>,
    first_order_at_end: bool,
    /// Whether noise is drawn at every call.
    stochastic: bool,
    previous: Option<Tensor>,
}

/// DPM-Solver++(2M) in so many steps, at these noise levels.
pub(super) fn plain(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Layout {
    layout(schedule, any_grid(schedule, steps, sigmas), false)
}

/// Its stochastic form in so many steps: the same for the diffusion's SDE instead of its ODE.
pub(super) fn stochastic(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Layout {
    layout(schedule, any_grid(schedule, steps, sigmas), true)
}

fn layout(schedule: &NoiseSchedule, Grid { timesteps, sigmas }: Grid, stochastic: bool) -> Layout {
    let method = Box::new(Dpm::new(schedule, sigmas.clone(), stochastic));
    Layout { timesteps, init_noise_sigma: 1.0, sigmas, divides_by_distance: true, method }
}

/// Timesteps and noise levels. Of a cosine schedule, the timesteps of Karras' levels are cut, not rounded.
fn any_grid(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Grid {
    let other = levels::of_the_whole_range(schedule, sigmas, steps, !schedule.sampler().cosine);
    other.unwrap_or_else(|| grid(schedule, steps))
}

/// Timesteps and noise levels of the multistep solvers: one step more is laid out and its last timestep dropped.
pub(super) fn grid(schedule: &NoiseSchedule, steps: usize) -> Grid {
    let total = schedule.train_timesteps();
    let mut timesteps: Vec<f64> = match grid::spacing(schedule, TimestepSpacing::Linspace) {
        TimestepSpacing::Leading => grid::leading(schedule, total / (steps + 1), steps + 1),
        TimestepSpacing::Trailing => grid::trailing(total, steps),
        TimestepSpacing::Linspace => {
            grid::linspace((total - 1) as f64, steps + 1).into_iter().rev().map(f64::round_ties_even).collect()
        }
    };
    timesteps.truncate(steps);
    let sigmas = grid::interpolate(schedule, &timesteps);
    Grid { timesteps: timesteps.into_iter().map(|t| t as f32).collect(), sigmas }
}

/// The variance-preserving (α, σ) of a noise level: α² + σ² = 1, σ/α the level.
pub(super) fn alpha_sigma(level: f32) -> (f32, f32) {
    let alpha = 1.0 / (level * level + 1.0).sqrt();
    (alpha, level * alpha)
}

/// λ = ln α − ln σ, half the log signal-to-noise ratio; infinite at σ = 0.
pub(super) fn half_log_snr(level: f32) -> f32 {
    let (alpha, sigma) = alpha_sigma(level);
    alpha.ln() - sigma.ln()
}

/// The clean latents x_0 that a model output means at a noise level.
pub(super) fn clean_latents(prediction: PredictionType, output: &Tensor, level: f32, x: &Tensor) -> Result<Tensor> {
    let (alpha, sigma) = alpha_sigma(level);
    match prediction {
        PredictionType::Epsilon => scale(&(x - scale(output, sigma)?)?, 1.0 / alpha),
        PredictionType::VPrediction => combine(alpha, x, -sigma, output),
        PredictionType::Sample => Ok(output.clone()),
    }
}

impl Dpm {
    fn new(schedule: &NoiseSchedule, sigmas: Vec<f32>, stochastic: bool) -> Self {
        let steps = sigmas.len() - 1;
        Self {
            prediction: schedule.prediction_type,
            first_order_at_end: steps < 15 || schedule.sampler().final_sigma == FinalSigma::Zero,
            sigmas,
            stochastic,
            previous: None,
        }
    }
}

impl Method for Dpm {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        let clean = clean_latents(self.prediction, output, self.sigmas[i], x)?;
        let (level, next) = (self.sigmas[i], self.sigmas[i + 1]);
        let ((_, sigma), (alpha_next, sigma_next)) = (alpha_sigma(level), alpha_sigma(next));
        let (lambda, lambda_next) = (half_log_snr(level), half_log_snr(next));
        let h = lambda_next - lambda;
        // The SDE forgets twice as fast: exp(−2h) in the place of exp(−h), and noise in the place of what it forgot.
        let (keep, weight) = if self.stochastic {
            (sigma_next / sigma * (-h).exp(), alpha_next * (1.0 - (-2.0 * h).exp()))
        } else {
            (sigma_next / sigma, -(alpha_next * ((-h).exp() - 1.0)))
        };
        let mut first_order = combine(keep, x, weight, &clean)?;
        if self.stochastic {
            first_order = (first_order + scale(&noise(x.dims())?, sigma_next * (1.0 - (-2.0 * h).exp()).sqrt())?)?;
        }
        let last = i + 2 == self.sigmas.len();
        let result = match self.previous.take() {
            Some(before) if !(last && self.first_order_at_end) => {
                let r = (lambda - half_log_snr(self.sigmas[i - 1])) / h;
                first_order + scale(&(&clean - &before)?, 0.5 * weight / r)?
            }
            _ => Ok(first_order),
        };
        self.previous = Some(clean);
        result
    }
}
