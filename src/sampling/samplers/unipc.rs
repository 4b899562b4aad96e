//! UniPC, the B₂(h) version of order 2 predicting x_0: Zhao et al. 2023,
//! [arXiv 2302.04867](https://arxiv.org/abs/2302.04867), algorithms 5 to 8.
//!
//! Follows [`scheduling_unipc_multistep.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/schedulers/scheduling_unipc_multistep.py)
//! with its defaults (`bh2`, order 2, `lower_order_final`). Every call first corrects the latents of the call
//! before with the new model output, then predicts the next.

use candle_core::{Result, Tensor};

use super::arithmetic::{combine, scale};
use super::dpm::{self, alpha_sigma, clean_latents, half_log_snr};
use super::grid::Grid;
use super::levels;
use super::method::{Layout, Method, NoiseSource};
use crate::choice::Sigmas;
use crate::sampling::schedule::{NoiseSchedule, PredictionType};

/// Noise levels, the last two predictions of the clean latents, and the last corrected latents.
#[derive(Debug)]
struct UniPc {
    prediction: PredictionType,
    sigmas: Vec<f32>,
    /// The newest last; at most two.
    clean: Vec<Tensor>,
    /// The corrected latents the last prediction started from, and its order.
    last: Option<(Tensor, usize)>,
}

/// UniPC in so many steps, at these noise levels.
pub(super) fn layout(schedule: &NoiseSchedule, steps: usize, sigmas: Sigmas) -> Layout {
    let other = levels::of_the_whole_range(schedule, sigmas, steps, true);
    let Grid { timesteps, sigmas } = other.unwrap_or_else(|| dpm::grid(schedule, steps));
    let prediction = schedule.prediction_type;
    let method = Box::new(UniPc { prediction, sigmas: sigmas.clone(), clean: Vec::new(), last: None });
    Layout { timesteps, init_noise_sigma: 1.0, sigmas, divides_by_distance: true, method }
}

/// The coefficients of a step between two noise levels.
struct Step {
    /// σ_t/σ_s: what of the latents is kept.
    keep: f32,
    /// −α_t·(e^{−h} − 1): the weight of the newest clean latents; also −α_t·B(h).
    weight: f32,
    h: f32,
    lambda: f32,
}

impl Step {
    fn new(from: f32, to: f32) -> Self {
        let ((_, sigma), (alpha_to, sigma_to)) = (alpha_sigma(from), alpha_sigma(to));
        let lambda = half_log_snr(from);
        let h = half_log_snr(to) - lambda;
        Self { keep: sigma_to / sigma, weight: -(alpha_to * (-h).exp_m1()), h, lambda }
    }

    /// r_1: where an earlier noise level lies, in units of this step (negative).
    fn ratio(&self, earlier: f32) -> f32 {
        (half_log_snr(earlier) - self.lambda) / self.h
    }

    /// The corrector's weights (ρ_1 for the earlier difference, ρ_2 for the newest): R·ρ = b with
    /// b_k = k!·φ_{k+1}-like terms over B(h).
    fn corrector_weights(&self, ratio: f32) -> (f32, f32) {
        let hh = -self.h;
        let b_h = hh.exp_m1();
        let phi_1 = b_h / hh - 1.0;
        let phi_2 = phi_1 / hh - 0.5;
        let (b1, b2) = (phi_1 / b_h, phi_2 * 2.0 / b_h);
        // R = [[1, 1], [r, 1]]
        let earlier = (b1 - b2) / (1.0 - ratio);
        (earlier, b1 - earlier)
    }
}

impl UniPc {
    /// UniP: the latents after step `i`.
    fn predict(&self, x: &Tensor, i: usize, order: usize) -> Result<Tensor> {
        let step = Step::new(self.sigmas[i], self.sigmas[i + 1]);
        let newest = &self.clean[self.clean.len() - 1];
        let first_order = combine(step.keep, x, step.weight, newest)?;
        if order < 2 {
            return Ok(first_order);
        }
        let ratio = step.ratio(self.sigmas[i - 1]);
        first_order + scale(&(&self.clean[0] - newest)?, step.weight * 0.5 / ratio)?
    }

    /// UniC: the latents at `i`, from those at `i − 1` and what the model now says at `i`.
    fn correct(&self, before: &Tensor, clean: &Tensor, i: usize, order: usize) -> Result<Tensor> {
        let step = Step::new(self.sigmas[i - 1], self.sigmas[i]);
        let newest = &self.clean[self.clean.len() - 1];
        let first_order = combine(step.keep, before, step.weight, newest)?;
        let difference = (clean - newest)?;
        if order < 2 {
            return first_order + scale(&difference, step.weight * 0.5)?;
        }
        let ratio = step.ratio(self.sigmas[i - 2]);
        let (earlier, now) = step.corrector_weights(ratio);
        let correction = combine(earlier / ratio, &(&self.clean[0] - newest)?, now, &difference)?;
        first_order + scale(&correction, step.weight)?
    }
}

impl Method for UniPc {
    fn step(&mut self, output: &Tensor, i: usize, x: &Tensor, _: &mut NoiseSource<'_>) -> Result<Tensor> {
        let clean = clean_latents(self.prediction, output, self.sigmas[i], x)?;
        let x = match self.last.take() {
            Some((before, order)) => self.correct(&before, &clean, i, order)?,
            None => x.clone(),
        };
        if self.clean.len() == 2 {
            self.clean.remove(0);
        }
        self.clean.push(clean);
        let steps_left = self.sigmas.len() - 1 - i;
        let order = self.clean.len().min(steps_left);
        let next = self.predict(&x, i, order)?;
        self.last = Some((x, order));
        Ok(next)
    }
}
