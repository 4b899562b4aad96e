//! DPM-Solver++ (SDE): the stochastic solver of second order, single step, as in k-diffusion's `sample_dpmpp_sde`;
//! Lu et al. 2022, [arXiv 2211.01095](https://arxiv.org/abs/2211.01095).
//!
//! Follows [`scheduling_dpmsolver_sde.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_dpmsolver_sde.py),
//! which knows neither zero terminal SNR nor another end than σ = 0. Every step but the last calls the model twice: at
//! its beginning and in the middle of it, in log σ.
//!
//! The noise of a step is an increment of one Brownian motion in σ, and that of its first half is a part of it. It is
//! drawn half by half with torch's generator. diffusers draws it with `torchsde` from a tree of its own, so that the
//! same seed gives another image there.

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::method::{Layout, Method, NoiseSource};
use super::{grid, levels};
use crate::choice::Sigmas;
use crate::sampling::schedule::{NoiseSchedule, PredictionType, TimestepSpacing};

/// Noise levels, and what the first call of a step leaves for the second.
#[derive(Debug)]
struct DpmSde {
    prediction: PredictionType,
    /// The level of every step, and 0.
    levels: Vec<f32>,
    begun: Option<Begun>,
}

/// The first half of a step.
#[derive(Debug)]
struct Begun {
    latents: Tensor,
    noise: Tensor,
}

/// DPM-Solver++ (SDE) in so many steps, at these noise levels: `2 · steps − 1` calls.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Result<Layout> {
    if schedule.prediction_type == PredictionType::Sample {
        bail!("dpm++sde is not defined for models that predict the sample; use dpm++2m");
    }
    let total = schedule.train_timesteps();
    let first: Vec<f64> = match grid::spacing(schedule, TimestepSpacing::Linspace) {
        TimestepSpacing::Leading => grid::leading(schedule, total / steps, steps),
        TimestepSpacing::Trailing => grid::trailing(total, steps),
        TimestepSpacing::Linspace => grid::linspace((total - 1) as f64, steps).into_iter().rev().collect(),
    };
    let known: Vec<f32> =
        schedule.unscaled_alphas_cumprod().iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect();
    let logs: Vec<f32> = known.iter().map(|sigma| sigma.ln()).collect();
    let (first, levels) = levels::of_timesteps(&known, sigmas, first);
    let middle = levels.windows(2).map(|pair| grid::timestep_of((pair[0] * pair[1]).sqrt(), &logs));
    let second: Vec<f64> = middle.collect();
    let timesteps = (first.iter().enumerate())
        .flat_map(|(i, t)| [Some(*t), second.get(i).copied()])
        .flatten()
        .map(|t| t as f32)
        .collect();
    let levels: Vec<f32> = levels.into_iter().map(|level| level as f32).chain([0.0]).collect();
    let init_noise_sigma = grid::init_noise_sigma(schedule, &levels);
    let inner = &levels[1..levels.len() - 1];
    let sigmas =
        levels[..1].iter().chain(inner.iter().flat_map(|level| [level, level])).chain([&0.0]).copied().collect();
    let method = Box::new(DpmSde { prediction: schedule.prediction_type, levels, begun: None });
    Ok(Layout { timesteps, init_noise_sigma, sigmas, divides_by_distance: false, method })
}

impl DpmSde {
    /// The levels at the beginning, in the middle and at the end of the step of call `i`.
    fn step_of(&self, i: usize) -> [f32; 3] {
        let (from, to) = (self.levels[i / 2], self.levels[i / 2 + 1]);
        let (start, end) = (-from.ln(), -to.ln());
        [from, (-(start + (end - start) * 0.5)).exp(), to]
    }

    /// x_0 at a noise level.
    fn clean(&self, output: &Tensor, sigma: f32, x: &Tensor) -> Result<Tensor> {
        match self.prediction {
            PredictionType::VPrediction => {
                let square = sigma * sigma + 1.0;
                combine(-sigma / square.sqrt(), output, 1.0 / square, x)
            }
            PredictionType::Epsilon | PredictionType::Sample => combine(1.0, x, -sigma, output),
        }
    }
}

/// From `x` at the level `from` towards `to`, with as much noise as an ancestral step has.
fn towards(x: &Tensor, clean: &Tensor, [from, to]: [f32; 2], noise: &Tensor) -> Result<Tensor> {
    let up = to.min((to * to * (from * from - to * to) / (from * from)).sqrt());
    let down = (to * to - up * up).sqrt();
    let (start, end) = (-from.ln(), -down.ln());
    combine((-end).exp() / from, x, -(start - end).exp_m1(), clean)? + scale(noise, up)?
}

impl Method for DpmSde {
    fn scale_model_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        let [from, middle, _] = self.step_of(i);
        let sigma = if self.begun.is_some() { middle } else { from };
        scale(x, 1.0 / (sigma * sigma + 1.0).sqrt())
    }

    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        let [from, middle, to] = self.step_of(i);
        let Some(begun) = self.begun.take() else {
            let clean = self.clean(output, from, x)?;
            if to == 0.0 {
                return Ok(clean);
            }
            let noise = noise(x.dims())?;
            let half = towards(x, &clean, [from, middle], &noise)?;
            self.begun = Some(Begun { latents: x.clone(), noise });
            return Ok(half);
        };
        let clean = self.clean(output, middle, x)?;
        // W(σ_to) − W(σ_from) is the sum of the increments of both halves; its variance is their distance in σ.
        let (first, second) = ((from - middle) / (from - to), (middle - to) / (from - to));
        let whole = combine(first.sqrt(), &begun.noise, second.sqrt(), &noise(x.dims())?)?;
        towards(&begun.latents, &clean, [from, to], &whole)
    }
}
