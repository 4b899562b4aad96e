//! The plain numbers that a noise schedule is made of, and what a sampler takes over from the model.

use serde::Deserialize;

use crate::choice::Sampler;

/// What a denoiser was trained to predict from noisy latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise ε: Stable Diffusion 1.x and the 512-px base of 2.x.
    Epsilon,
    /// v = √ᾱ·ε − √(1 − ᾱ)·x_0: Stable Diffusion 2.x at 768 px.
    VPrediction,
    /// The clean latents x_0.
    Sample,
}

/// How sampler steps are spread over the training timesteps (Lin et al. 2023,
/// [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// Multiples of ⌊T/steps⌋, plus the offset: never reaches T.
    Leading,
    /// Multiples of T/steps counted down from T, minus one.
    Trailing,
    /// Evenly spread from 0 to T − 1.
    Linspace,
}

/// The last noise level of a sigma-based sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// No noise at all.
    #[default]
    Zero,
    /// The noise level of the first training timestep.
    SigmaMin,
}

/// Settings a sampler takes from the model; `None` means the sampler's own default, as in diffusers'
/// `XScheduler.from_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerDefaults {
    /// The sampler that draws where nobody names another one.
    pub usual: Sampler,
    /// Added to every timestep of leading spacing: 0 or 1.
    pub steps_offset: usize,
    /// How steps are spread.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Whether ᾱ behind the last step is 1, and not that of the first training timestep.
    pub set_alpha_to_one: Option<bool>,
    /// Where the samplers that work on σ end.
    pub final_sigma: FinalSigma,
    /// Karras timesteps of a cosine schedule are cut to integers, not rounded.
    pub cosine: bool,
}

impl Default for SamplerDefaults {
    /// Where a model says nothing.
    fn default() -> Self {
        Self {
            usual: Sampler::DpmPp2m,
            steps_offset: 0,
            timestep_spacing: None,
            set_alpha_to_one: None,
            final_sigma: FinalSigma::default(),
            cosine: false,
        }
    }
}

/// How the betas are made.
#[derive(Clone, Debug, PartialEq)]
pub enum BetaSchedule {
    /// Evenly spread.
    Linear {
        /// The first.
        start: f64,
        /// The last.
        end: f64,
    },
    /// Their roots are evenly spread.
    ScaledLinear {
        /// The first.
        start: f64,
        /// The last.
        end: f64,
    },
    /// The cosine schedule, capped.
    SquaredCosCapV2,
    /// Given one by one, as many as training timesteps.
    Trained(Vec<f64>),
}

/// What [`NoiseSchedule`](super::NoiseSchedule) is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSettings {
    /// Number of training timesteps, at least 2.
    pub train_timesteps: usize,
    /// The variance that each training timestep adds.
    pub betas: BetaSchedule,
    /// Whether the betas are changed so that the last timestep is pure noise.
    pub rescale_betas_zero_snr: bool,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
    /// What samplers take over.
    pub sampler: SamplerDefaults,
}

impl Default for ScheduleSettings {
    /// The defaults of the schedulers of diffusers that the samplers follow.
    fn default() -> Self {
        Self {
            train_timesteps: 1000,
            betas: BetaSchedule::Linear { start: 0.0001, end: 0.02 },
            rescale_betas_zero_snr: false,
            prediction_type: PredictionType::Epsilon,
            sampler: SamplerDefaults::default(),
        }
    }
}
