//! Euler's method on σ, plain and ancestral: Karras et al. 2022, [arXiv 2206.00364](https://arxiv.org/abs/2206.00364),
//! algorithm 2 without churn; ancestral steps as in k-diffusion.
//!
//! Follows [`scheduling_euler_discrete.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_euler_discrete.py)
//! and [`scheduling_euler_ancestral_discrete.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_euler_ancestral_discrete.py).

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::method::{Layout, Method, NoiseSource};
use super::{grid, levels};
use crate::choice::Sigmas;
use crate::sampling::schedule::{NoiseSchedule, PredictionType, TimestepSpacing};

/// Noise levels; nothing is remembered between steps.
#[derive(Debug)]
struct Euler {
    prediction: PredictionType,
    sigmas: Vec<f32>,
    ancestral: bool,
}

/// Euler's method in so many steps, at these noise levels.
pub(super) fn plain(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Result<Layout> {
    layout(schedule, grid(schedule, steps, sigmas), false)
}

/// Euler's method with ancestral noise in so many steps.
pub(super) fn ancestral(schedule: &NoiseSchedule, steps: usize) -> Result<Layout> {
    if schedule.prediction_type == PredictionType::Sample {
        bail!("euler-a is not defined for models that predict the sample; use euler");
    }
    let mut grid = grid(schedule, steps, Sigmas::Model);
    // It always ends at σ = 0.
    if let Some(last) = grid.sigmas.last_mut() {
        *last = 0.0;
    }
    layout(schedule, grid, true)
}

fn layout(schedule: &NoiseSchedule, grid: grid::Grid, ancestral: bool) -> Result<Layout> {
    let grid::Grid { timesteps, sigmas } = grid;
    let init_noise_sigma = grid::init_noise_sigma(schedule, &sigmas);
    let method = Box::new(Euler { prediction: schedule.prediction_type, sigmas: sigmas.clone(), ancestral });
    Ok(Layout { timesteps, init_noise_sigma, sigmas, divides_by_distance: false, method })
}

/// Timesteps, fractional with linspace spacing, descending; those of every method that goes from σ to σ.
pub(super) fn timesteps(schedule: &NoiseSchedule, steps: usize) -> Vec<f64> {
    let total = schedule.train_timesteps();
    match grid::spacing(schedule, TimestepSpacing::Linspace) {
        TimestepSpacing::Leading => grid::leading(schedule, total / steps, steps),
        TimestepSpacing::Trailing => grid::trailing(total, steps),
        // numpy is asked for f32 here
        TimestepSpacing::Linspace => {
            grid::linspace((total - 1) as f64, steps).into_iter().rev().map(|t| f64::from(t as f32)).collect()
        }
    }
}

/// Timesteps and noise levels.
fn grid(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> grid::Grid {
    let (timesteps, levels) = levels::of_timesteps(&schedule.sigmas(), sigmas, timesteps(schedule, steps));
    let sigmas = levels.into_iter().map(|level| level as f32).chain([grid::last_sigma(schedule)]).collect();
    grid::Grid { timesteps: timesteps.into_iter().map(|t| t as f32).collect(), sigmas }
}

impl Method for Euler {
    fn scale_model_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        let sigma = self.sigmas[i];
        scale(x, 1.0 / (sigma * sigma + 1.0).sqrt())
    }

    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        let (sigma, next) = (self.sigmas[i], self.sigmas[i + 1]);
        let clean = match self.prediction {
            PredictionType::Epsilon => combine(1.0, x, -sigma, output)?,
            PredictionType::VPrediction => {
                let square = sigma * sigma + 1.0;
                combine(-sigma / square.sqrt(), output, 1.0 / square, x)?
            }
            PredictionType::Sample => output.clone(),
        };
        let derivative = scale(&(x - clean)?, 1.0 / sigma)?;
        if !self.ancestral {
            return combine(1.0, x, next - sigma, &derivative);
        }
        let up = (next * next * (sigma * sigma - next * next) / (sigma * sigma)).sqrt();
        let rest = next * next - up * up;
        // This is next⁴/σ². For a very large σ, rounding may make it negative.
        let down = if rest < 0.0 { next * next / sigma } else { rest.sqrt() };
        combine(1.0, x, down - sigma, &derivative)? + scale(&noise(x.dims())?, up)?
    }
}
