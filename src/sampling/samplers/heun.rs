//! Heun's method on σ: Karras et al. 2022, [arXiv 2206.00364](https://arxiv.org/abs/2206.00364), algorithm 1 without
//! churn.
//!
//! Follows [`scheduling_heun_discrete.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_heun_discrete.py),
//! which knows neither zero terminal SNR nor another end than σ = 0. Every step but the last calls the model twice: at
//! its beginning, and where Euler's method would end; the step then goes along the mean of both slopes.

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::method::{Layout, Method, NoiseSource};
use super::{euler, grid, levels};
use crate::choice::Sigmas;
use crate::sampling::schedule::{NoiseSchedule, PredictionType};

/// Noise levels, and what the first call of a step leaves for the second.
#[derive(Debug)]
struct Heun {
    prediction: PredictionType,
    /// The level of every call, and 0.
    sigmas: Vec<f32>,
    /// The latents and the slope at the beginning of the step.
    begun: Option<(Tensor, Tensor)>,
}

/// Heun's method in so many steps, at these noise levels: `2 · steps − 1` calls.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Layout {
    let known: Vec<f32> =
        schedule.unscaled_alphas_cumprod().iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect();
    let (steps, levels) = levels::of_timesteps(&known, sigmas, euler::timesteps(schedule, steps));
    let mut sigmas = twice_but_first(&levels.iter().map(|level| *level as f32).collect::<Vec<_>>());
    sigmas.push(0.0);
    let timesteps = twice_but_first(&steps.iter().map(|t| *t as f32).collect::<Vec<_>>());
    let init_noise_sigma = grid::init_noise_sigma(schedule, &sigmas);
    let method = Box::new(Heun { prediction: schedule.prediction_type, sigmas: sigmas.clone(), begun: None });
    Layout { timesteps, init_noise_sigma, sigmas, divides_by_distance: false, method }
}

/// The end of each step is the beginning of the next one: `a, b, c` → `a, b, b, c, c`.
fn twice_but_first(values: &[f32]) -> Vec<f32> {
    values.iter().enumerate().flat_map(|(i, value)| std::iter::repeat_n(*value, if i == 0 { 1 } else { 2 })).collect()
}

impl Heun {
    /// dx/dσ at a noise level.
    fn slope(&self, output: &Tensor, sigma: f32, x: &Tensor) -> Result<Tensor> {
        let clean = match self.prediction {
            PredictionType::Epsilon => combine(1.0, x, -sigma, output)?,
            PredictionType::VPrediction => {
                let square = sigma * sigma + 1.0;
                combine(-sigma / square.sqrt(), output, 1.0 / square, x)?
            }
            PredictionType::Sample => output.clone(),
        };
        scale(&(x - clean)?, 1.0 / sigma)
    }
}

impl Method for Heun {
    fn scale_model_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        let sigma = self.sigmas[i];
        scale(x, 1.0 / (sigma * sigma + 1.0).sqrt())
    }

    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, _: &mut NoiseSource<'_>) -> Result<Tensor> {
        let slope = self.slope(output, self.sigmas[i], x)?;
        if i.is_multiple_of(2) {
            let end = combine(1.0, x, self.sigmas[i + 1] - self.sigmas[i], &slope)?;
            self.begun = Some((x.clone(), slope));
            return Ok(end);
        }
        let Some((start, first)) = self.begun.take() else { bail!("heun call {i} without the call before it") };
        combine(1.0, &start, self.sigmas[i] - self.sigmas[i - 1], &combine(0.5, &first, 0.5, &slope)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::schedule::ScheduleSettings;
    use super::*;
    use candle_core::Device;

    fn layout_of(steps: usize) -> Layout {
        layout(&NoiseSchedule::new(ScheduleSettings::default()).unwrap(), steps, Sigmas::Model)
    }

    #[test]
    fn every_step_but_the_last_has_two_calls() {
        for steps in [1, 2, 7, 1000] {
            let layout = layout_of(steps);
            assert_eq!((layout.timesteps.len(), layout.sigmas.len()), (2 * steps - 1, 2 * steps));
            assert_eq!(layout.sigmas.last(), Some(&0.0));
            assert!(layout.timesteps[1..].chunks(2).all(|pair| pair[0] == pair[1]));
            assert!(layout.sigmas[1..2 * steps - 1].chunks(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn samples_of_a_batch_do_not_touch() {
        let x = Tensor::new(&[[0.3f32, -0.7], [1.5, 2.0]], &Device::Cpu).unwrap();
        let run = |x: &Tensor| -> Vec<Vec<f32>> {
            let (mut method, mut x) = (layout_of(5).method, x.clone());
            for i in 0..9 {
                let output = method.scale_model_input(&x, i).unwrap().sin().unwrap();
                x = method.step(&output, i, &x, &mut |_| bail!("heun draws no noise")).unwrap();
            }
            x.to_vec2().unwrap()
        };
        let alone = [0, 1].map(|row| run(&x.narrow(0, row, 1).unwrap()).remove(0));
        assert_eq!(run(&x), alone);
    }

    #[test]
    fn a_straight_way_needs_one_step() {
        // The model that always predicts the same noise: every slope is that noise.
        let noise = Tensor::new(&[1f32, -2.0], &Device::Cpu).unwrap();
        for steps in [1, 4] {
            let Layout { init_noise_sigma, mut method, .. } = layout_of(steps);
            let mut x = (&noise * f64::from(init_noise_sigma)).unwrap();
            for i in 0..2 * steps - 1 {
                x = method.step(&noise, i, &x, &mut |_| bail!("heun draws no noise")).unwrap();
            }
            assert!(x.to_vec1::<f32>().unwrap().iter().all(|v| v.abs() < 1e-4), "{x}");
        }
    }
}
