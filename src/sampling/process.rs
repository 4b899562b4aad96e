//! How a model's latents become noise, which the denoiser was trained to undo: one variant per kind of process.

use candle_core::{Result, Tensor, bail};

use super::schedule::{NoiseSchedule, PredictionType};
use crate::choice::Sampler;

/// The forward process of a model. A time is a number in the words of the process: for DDPM the number of a training
/// timestep, from 0 (hardly any noise) on.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Noise by betas, at whole timesteps.
    Ddpm(NoiseSchedule),
}

impl Process {
    /// The noisy latents at one time per sample. `latents` and `noise` are `(batch, …)` of one shape, f32; the result
    /// has that shape.
    ///
    /// # Errors
    /// Times that are not those of the process, or not one per sample.
    pub fn noisy(&self, latents: &Tensor, noise: &Tensor, times: &[f32]) -> Result<Tensor> {
        match self {
            Self::Ddpm(schedule) => schedule.add_noise(latents, noise, &timesteps(times)?),
        }
    }

    /// What the denoiser should predict there; shapes are as for [`noisy`](Self::noisy).
    ///
    /// # Errors
    /// As [`noisy`](Self::noisy).
    pub fn target(&self, latents: &Tensor, noise: &Tensor, times: &[f32]) -> Result<Tensor> {
        match self {
            Self::Ddpm(schedule) => schedule.target(latents, noise, &timesteps(times)?),
        }
    }

    /// The weights of the losses at these times that make high and low noise count alike (min-SNR-γ).
    ///
    /// With the signal-to-noise ratio `snr = ᾱ / (1 − ᾱ)` they are `min(snr, γ) / snr` for a model that predicts noise,
    /// `min(snr, γ) / (snr + 1)` for one that predicts velocity, and `min(snr, γ)` for one that predicts images: Hang
    /// et al. 2023,
    /// <https://arxiv.org/abs/2303.09556>, section 3.4, as diffusers' `train_text_to_image_lora.py` computes them.
    ///
    /// # Errors
    /// As [`noisy`](Self::noisy).
    pub fn min_snr_weights(&self, times: &[f32], gamma: f64) -> Result<Vec<f32>> {
        let Self::Ddpm(schedule) = self;
        let weight = |t: u32| -> Result<f32> {
            let Some(alpha) = schedule.alphas_cumprod.get(t as usize) else {
                bail!("timestep {t} is not below {}", schedule.train_timesteps());
            };
            let snr = f64::from(*alpha) / (1.0 - f64::from(*alpha));
            Ok(match schedule.prediction_type {
                // For pure noise the ratio is 0. Written like this, the weight is then 1, which is the limit.
                PredictionType::Epsilon => (gamma / snr).min(1.0),
                PredictionType::VPrediction => snr.min(gamma) / (snr + 1.0),
                PredictionType::Sample => snr.min(gamma),
            } as f32)
        };
        timesteps(times)?.into_iter().map(weight).collect()
    }

    /// A training time, drawn with 64 random bits: uniform over the timesteps, to one part in 2⁵⁴.
    #[must_use]
    pub fn draw_time(&self, bits: u64) -> f32 {
        match self {
            // The high half of a 64 × 64 bit product is uniform below the count.
            Self::Ddpm(schedule) => ((u128::from(bits) * schedule.train_timesteps() as u128) >> 64) as f32,
        }
    }

    /// The midpoints of `count` equal parts of the range of times, ascending.
    #[must_use]
    pub fn midpoints(&self, count: usize) -> Vec<f32> {
        match self {
            Self::Ddpm(schedule) => {
                let length = schedule.train_timesteps();
                (0..count).map(|k| ((2 * k + 1) * length / (2 * count)) as f32).collect()
            }
        }
    }

    /// The most steps that a sampler can be asked for: one per training timestep.
    #[must_use]
    pub fn most_steps(&self) -> usize {
        match self {
            Self::Ddpm(schedule) => schedule.train_timesteps(),
        }
    }

    /// The same process of a model that is usually drawn with that sampler.
    #[must_use]
    pub fn usually(&self, sampler: Sampler) -> Self {
        match self {
            Self::Ddpm(schedule) => Self::Ddpm(schedule.usually(sampler)),
        }
    }

    /// The sampler that the model is drawn with where nobody names another one.
    #[must_use]
    pub fn usual_sampler(&self) -> Sampler {
        match self {
            Self::Ddpm(schedule) => schedule.sampler().usual,
        }
    }

    /// What the denoiser predicts.
    #[must_use]
    pub fn prediction_type(&self) -> PredictionType {
        match self {
            Self::Ddpm(schedule) => schedule.prediction_type,
        }
    }
}

/// Times that must be whole numbers, as timesteps.
fn timesteps(times: &[f32]) -> Result<Vec<u32>> {
    let whole = |time: &f32| match *time {
        t if t >= 0.0 && t.fract() == 0.0 && t < 16_777_216.0 => Ok(t as u32),
        t => bail!("the time {t} is no training timestep: these are whole numbers from 0 on"),
    };
    times.iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::super::schedule::ScheduleSettings;
    use super::*;

    fn process(train_timesteps: usize) -> Process {
        let settings = ScheduleSettings { train_timesteps, ..ScheduleSettings::default() };
        Process::Ddpm(NoiseSchedule::new(settings).unwrap())
    }

    #[test]
    fn times_are_midpoints_of_equal_parts() {
        let process = process(1000);
        assert_eq!(process.midpoints(1), [500.0]);
        assert_eq!(process.midpoints(4), [125.0, 375.0, 625.0, 875.0]);
        assert_eq!(process.midpoints(3), [166.0, 500.0, 833.0]);
        assert_eq!(process.midpoints(1000)[999], 999.0);
    }

    #[test]
    fn min_snr_weights_fall_where_there_is_little_noise() {
        let weights = process(1000).min_snr_weights(&[0.0, 400.0, 999.0], 5.0).unwrap();
        assert!(weights[0] < 0.01 && weights[1] > weights[0] && weights[2] == 1.0, "{weights:?}");
        assert!(process(1000).min_snr_weights(&[1000.0], 5.0).is_err());
    }

    #[test]
    fn drawn_times_are_those_of_the_process() {
        for count in [2, 999, 1000] {
            let process = process(count);
            let drawn = [0, 1, u64::MAX / 2, u64::MAX].map(|bits| process.draw_time(bits));
            assert_eq!((drawn[0], drawn[3]), (0.0, (count - 1) as f32));
            assert!(drawn.iter().all(|t| t.fract() == 0.0));
        }
    }

    #[test]
    fn a_time_between_timesteps_is_refused() {
        let x = Tensor::zeros((1, 4), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        for time in [0.5, -1.0, f32::NAN, 1e9] {
            let error = process(1000).noisy(&x, &x, &[time]).unwrap_err().to_string();
            assert!(error.contains("no training timestep"), "{error}");
        }
        assert!(process(1000).noisy(&x, &x, &[1000.0]).unwrap_err().to_string().contains("timestep 1000"));
    }
}
