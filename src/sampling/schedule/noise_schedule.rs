//! How much noise each training timestep carries, and what the denoiser predicts.

use candle_core::{Result, Tensor, bail};

use super::betas::{self, BetaOutOfRange};
use super::settings::{PredictionType, SamplerDefaults, ScheduleSettings, TimestepSpacing};
use crate::choice::Sampler;

/// The forward process of DDPM with the settings a sampler takes over from the model's `scheduler_config.json`.
///
/// x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε (Ho et al. 2020, [arXiv 2006.11239](https://arxiv.org/abs/2006.11239), eq. 4).
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseSchedule {
    /// ᾱ_t for every training timestep t; computed in f32 as torch does. With `rescale_betas_zero_snr` the last is 0.
    pub alphas_cumprod: Vec<f32>,
    /// What the denoiser was trained to predict.
    pub prediction_type: PredictionType,
    /// ᾱ_t before the rescaling to zero terminal SNR; `None` when the model does not ask for it.
    unscaled: Option<Vec<f32>>,
    sampler: SamplerDefaults,
}

impl NoiseSchedule {
    /// The schedule of these settings.
    ///
    /// # Errors
    /// A beta that is not between 0 and 1.
    pub fn new(settings: ScheduleSettings) -> std::result::Result<Self, BetaOutOfRange> {
        let plain = betas::cumulative_alphas(&betas::betas(&settings)?);
        let (alphas_cumprod, unscaled) = if settings.rescale_betas_zero_snr {
            (betas::cumulative_alphas(&betas::rescale_zero_terminal_snr(&plain)), Some(plain))
        } else {
            (plain, None)
        };
        let ScheduleSettings { prediction_type, sampler, .. } = settings;
        Ok(Self { alphas_cumprod, unscaled, prediction_type, sampler })
    }

    /// The number of training timesteps, 1000 for Stable Diffusion.
    #[must_use]
    pub fn train_timesteps(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// x_t for clean latents x_0: one timestep per sample.
    ///
    /// `latents`, `noise`: `(batch, …)` of one shape, f32; `timesteps`: `batch` numbers below
    /// [`Self::train_timesteps`]. The result has the shape of `latents`.
    pub fn add_noise(&self, latents: &Tensor, noise: &Tensor, timesteps: &[u32]) -> Result<Tensor> {
        self.mix(latents, noise, timesteps, |alpha| (alpha.sqrt(), (1.0 - alpha).sqrt()))
    }

    /// What the denoiser should predict: ε, x_0, or v = √ᾱ_t·ε − √(1 − ᾱ_t)·x_0 (Salimans and Ho 2022,
    /// [arXiv 2202.00512](https://arxiv.org/abs/2202.00512), appendix D). Shapes as for [`Self::add_noise`].
    pub fn target(&self, latents: &Tensor, noise: &Tensor, timesteps: &[u32]) -> Result<Tensor> {
        match self.prediction_type {
            PredictionType::Epsilon => Ok(noise.clone()),
            PredictionType::Sample => Ok(latents.clone()),
            PredictionType::VPrediction => {
                self.mix(latents, noise, timesteps, |alpha| (-(1.0 - alpha).sqrt(), alpha.sqrt()))
            }
        }
    }

    /// a_t·latents + b_t·noise with (a_t, b_t) of each sample's ᾱ_t.
    fn mix(
        &self,
        latents: &Tensor,
        noise: &Tensor,
        timesteps: &[u32],
        factors: impl Fn(f32) -> (f32, f32),
    ) -> Result<Tensor> {
        let batch = latents.dim(0)?;
        if timesteps.len() != batch {
            bail!("{} timesteps for {batch} samples", timesteps.len());
        }
        let (mut a, mut b) = (Vec::with_capacity(batch), Vec::with_capacity(batch));
        for t in timesteps {
            let Some(alpha) = self.alphas_cumprod.get(*t as usize) else {
                bail!("timestep {t} is not below {}", self.train_timesteps());
            };
            let (x, y) = factors(*alpha);
            a.push(x);
            b.push(y);
        }
        let mut shape = vec![1; latents.rank()];
        shape[0] = batch;
        let a = Tensor::from_vec(a, shape.as_slice(), latents.device())?;
        let b = Tensor::from_vec(b, shape.as_slice(), latents.device())?;
        latents.broadcast_mul(&a)? + noise.broadcast_mul(&b)?
    }

    /// ᾱ_t for samplers that know nothing of zero terminal SNR (PNDM in diffusers).
    pub(crate) fn unscaled_alphas_cumprod(&self) -> &[f32] {
        self.unscaled.as_deref().unwrap_or(&self.alphas_cumprod)
    }

    /// σ_t = √((1 − ᾱ_t)/ᾱ_t) for every training timestep; with zero terminal SNR the last ᾱ is 2⁻²⁴ here, not 0.
    pub(crate) fn sigmas(&self) -> Vec<f32> {
        let mut alphas = self.alphas_cumprod.clone();
        if let (Some(last), true) = (alphas.last_mut(), self.unscaled.is_some()) {
            *last = 1.0 / 16_777_216.0;
        }
        alphas.into_iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect()
    }

    /// The same with another spacing of sampler steps.
    pub(crate) fn spaced(&self, spacing: TimestepSpacing) -> Self {
        let sampler = SamplerDefaults { timestep_spacing: Some(spacing), ..self.sampler.clone() };
        Self { sampler, ..self.clone() }
    }

    /// The same, usually drawn with that sampler.
    pub(crate) fn usually(&self, usual: Sampler) -> Self {
        let sampler = SamplerDefaults { usual, ..self.sampler.clone() };
        Self { sampler, ..self.clone() }
    }

    /// What samplers take over from the model.
    pub(crate) fn sampler(&self) -> &SamplerDefaults {
        &self.sampler
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::BetaSchedule;
    use super::*;
    use candle_core::Device;

    fn schedule(prediction_type: PredictionType) -> NoiseSchedule {
        let betas = BetaSchedule::ScaledLinear { start: 0.00085, end: 0.012 };
        NoiseSchedule::new(ScheduleSettings { betas, prediction_type, ..ScheduleSettings::default() }).unwrap()
    }

    #[test]
    fn every_sample_gets_its_own_timestep() {
        let s = schedule(PredictionType::VPrediction);
        let x = Tensor::from_vec(vec![1f32, 2., 3., 4.], (2, 2), &Device::Cpu).unwrap();
        let e = Tensor::from_vec(vec![-1f32, 0.5, 0., 7.], (2, 2), &Device::Cpu).unwrap();
        let noisy = s.add_noise(&x, &e, &[0, 999]).unwrap().to_vec2::<f32>().unwrap();
        let v = s.target(&x, &e, &[0, 999]).unwrap().to_vec2::<f32>().unwrap();
        for (row, t) in [(0usize, 0usize), (1, 999)] {
            let (a, b) = (s.alphas_cumprod[t].sqrt(), (1.0 - s.alphas_cumprod[t]).sqrt());
            for column in 0..2 {
                let (x, e) = (x.to_vec2::<f32>().unwrap()[row][column], e.to_vec2::<f32>().unwrap()[row][column]);
                assert!((noisy[row][column] - (a * x + b * e)).abs() < 1e-6);
                assert!((v[row][column] - (a * e - b * x)).abs() < 1e-6);
                // x_0 = √ᾱ·x_t − √(1−ᾱ)·v
                assert!((a * noisy[row][column] - b * v[row][column] - x).abs() < 1e-5);
            }
        }
        assert_eq!(
            schedule(PredictionType::Epsilon).target(&x, &e, &[0, 1]).unwrap().to_vec2::<f32>().unwrap()[1],
            [0., 7.]
        );
    }

    #[test]
    fn wrong_timesteps_are_refused() {
        let s = schedule(PredictionType::Epsilon);
        let x = Tensor::zeros((2, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(s.add_noise(&x, &x, &[1]).unwrap_err().to_string().contains("1 timesteps for 2 samples"));
        assert!(s.add_noise(&x, &x, &[1, 1000]).unwrap_err().to_string().contains("timestep 1000"));
    }
}
