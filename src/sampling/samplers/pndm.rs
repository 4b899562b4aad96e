//! PNDM without Runge-Kutta steps, also called PLMS: Liu et al. 2022,
//! [arXiv 2202.09778](https://arxiv.org/abs/2202.09778), eq. 9 and the linear multistep of eq. 12.
//!
//! Follows [`scheduling_pndm.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_pndm.py)
//! with `skip_prk_steps`, which every Stable Diffusion model sets. The second timestep is visited twice.

use candle_core::{Result, Tensor, bail};

use super::arithmetic::{combine, scale};
use super::ddim;
use super::method::{Layout, Method, NoiseSource};
use crate::sampling::schedule::{NoiseSchedule, PredictionType};

/// The last model outputs and the latents of the first call.
#[derive(Debug)]
struct Pndm {
    prediction: PredictionType,
    /// ᾱ at each call's start and end.
    alphas: Vec<(f32, f32)>,
    outputs: Vec<Tensor>,
    first: Option<Tensor>,
}

/// PNDM in so many steps.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize) -> Result<Layout> {
    let timesteps = timesteps(schedule, steps);
    let method = Box::new(Pndm::new(schedule, &timesteps, steps)?);
    Ok(Layout { timesteps, init_noise_sigma: 1.0, sigmas: Vec::new(), divides_by_distance: false, method })
}

/// Descending timesteps, the second one twice.
fn timesteps(schedule: &NoiseSchedule, steps: usize) -> Vec<f32> {
    let mut timesteps = ddim::timesteps(schedule, steps);
    if let Some(second) = timesteps.get(1).copied() {
        timesteps.insert(1, second);
    }
    timesteps
}

impl Pndm {
    fn new(schedule: &NoiseSchedule, timesteps: &[f32], steps: usize) -> Result<Self> {
        if schedule.prediction_type == PredictionType::Sample {
            bail!("pndm is not defined for models that predict the sample; use ddim");
        }
        let alphas = schedule.unscaled_alphas_cumprod();
        let stride = (schedule.train_timesteps() / steps) as i64;
        let last = if schedule.sampler().set_alpha_to_one.unwrap_or(false) { 1.0 } else { alphas[0] };
        let at = |t: i64| if t < 0 { last } else { alphas.get(t as usize).copied().unwrap_or(f32::NAN) };
        let alphas = timesteps
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let t = *t as i64;
                // the second call repeats the first step with a better slope
                if i == 1 { (at(t + stride), at(t)) } else { (at(t), at(t - stride)) }
            })
            .collect();
        Ok(Self { prediction: schedule.prediction_type, alphas, outputs: Vec::new(), first: None })
    }

    /// Eq. 9: from ᾱ_t to ᾱ_{t−δ} along the slope.
    fn transfer(&self, x: &Tensor, slope: &Tensor, i: usize) -> Result<Tensor> {
        let (alpha, next) = self.alphas[i];
        let beta = 1.0 - alpha;
        let denominator = alpha * (1.0 - next).sqrt() + (alpha * beta * next).sqrt();
        let (a, b) = ((next / alpha).sqrt(), -(next - alpha) / denominator);
        match self.prediction {
            PredictionType::VPrediction => combine(a, x, b, &combine(alpha.sqrt(), slope, beta.sqrt(), x)?),
            _ => combine(a, x, b, slope),
        }
    }
}

impl Method for Pndm {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, _: &mut NoiseSource<'_>) -> Result<Tensor> {
        if i != 1 {
            if self.outputs.len() == 4 {
                self.outputs.remove(0);
            }
            self.outputs.push(output.clone());
        }
        if i == 0 {
            self.first = Some(x.clone());
        }
        let slope = match self.outputs.as_slice() {
            [e] if i == 1 => scale(&(output + e)?, 0.5)?,
            [e] => e.clone(),
            [e1, e] => combine(1.5, e, -0.5, e1)?,
            [e2, e1, e] => (combine(23.0 / 12.0, e, -16.0 / 12.0, e1)? + scale(e2, 5.0 / 12.0)?)?,
            [e3, e2, e1, e] => {
                (combine(55.0 / 24.0, e, -59.0 / 24.0, e1)? + combine(37.0 / 24.0, e2, -9.0 / 24.0, e3)?)?
            }
            _ => bail!("pndm call {i} without the calls before it"),
        };
        let first = if i == 1 { self.first.take() } else { None };
        self.transfer(first.as_ref().unwrap_or(x), &slope, i)
    }
}
