//! DDIM, deterministic (η = 0): Song et al. 2020, [arXiv 2010.02502](https://arxiv.org/abs/2010.02502), eq. 12.
//!
//! Follows [`scheduling_ddim.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_ddim.py).

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::grid;
use super::method::{Layout, Method, NoiseSource};
use crate::sampling::schedule::{NoiseSchedule, PredictionType, TimestepSpacing};

/// ᾱ before and after each step.
#[derive(Debug)]
struct Ddim {
    prediction: PredictionType,
    alphas: Vec<(f32, f32)>,
}

/// DDIM in so many steps.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize) -> Result<Layout> {
    let timesteps = timesteps(schedule, steps);
    let method = Box::new(Ddim::new(schedule, &timesteps, steps)?);
    Ok(Layout { timesteps, init_noise_sigma: 1.0, sigmas: Vec::new(), divides_by_distance: false, method })
}

/// Descending timesteps, as many as steps.
pub(super) fn timesteps(schedule: &NoiseSchedule, steps: usize) -> Vec<f32> {
    let total = schedule.train_timesteps();
    let timesteps = match grid::spacing(schedule, TimestepSpacing::Leading) {
        TimestepSpacing::Leading => grid::leading(schedule, total / steps, steps),
        TimestepSpacing::Trailing => grid::trailing(total, steps),
        TimestepSpacing::Linspace => {
            grid::linspace((total - 1) as f64, steps).into_iter().rev().map(f64::round_ties_even).collect()
        }
    };
    timesteps.into_iter().map(|t| t as f32).collect()
}

impl Ddim {
    fn new(schedule: &NoiseSchedule, timesteps: &[f32], steps: usize) -> Result<Self> {
        let last = if schedule.sampler().set_alpha_to_one.unwrap_or(true) { None } else { Some(0) };
        let alphas = &schedule.alphas_cumprod;
        let stride = (schedule.train_timesteps() / steps) as i64;
        let at = |t: i64| alphas.get(t as usize).copied().unwrap_or(f32::NAN);
        let alphas = timesteps
            .iter()
            .map(|t| {
                let t = *t as i64;
                (at(t), if t >= stride { at(t - stride) } else { last.map_or(1.0, at) })
            })
            .collect::<Vec<_>>();
        // x_0 would be noise divided by ᾱ = 0.
        if schedule.prediction_type == PredictionType::Epsilon && alphas.iter().any(|(alpha, _)| *alpha == 0.0) {
            bail!("ddim cannot start from pure noise with a model that predicts the noise; use another sampler");
        }
        Ok(Self { prediction: schedule.prediction_type, alphas })
    }
}

impl Method for Ddim {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, _: &mut NoiseSource<'_>) -> Result<Tensor> {
        let (alpha, alpha_next) = self.alphas[i];
        let (a, b) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        let (clean, epsilon) = match self.prediction {
            PredictionType::Epsilon => (scale(&(x - scale(output, b)?)?, 1.0 / a)?, output.clone()),
            PredictionType::VPrediction => (combine(a, x, -b, output)?, combine(a, output, b, x)?),
            PredictionType::Sample => (output.clone(), scale(&(x - scale(output, a)?)?, 1.0 / b)?),
        };
        combine(alpha_next.sqrt(), &clean, (1.0 - alpha_next).sqrt(), &epsilon)
    }
}
