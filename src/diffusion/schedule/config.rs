//! `scheduler_config.json` of diffusers: the keys that matter, their defaults and their limits.

use serde::Deserialize;

/// What a UNet was trained to predict from noisy latents.
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
pub(in crate::diffusion) enum FinalSigma {
    #[default]
    Zero,
    SigmaMin,
}

/// Settings a sampler takes from the model; `None` means the sampler's own default, as in diffusers'
/// `XScheduler.from_config`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::diffusion) struct SamplingConfig {
    pub(in crate::diffusion) steps_offset: usize,
    pub(in crate::diffusion) timestep_spacing: Option<TimestepSpacing>,
    pub(in crate::diffusion) set_alpha_to_one: Option<bool>,
    pub(in crate::diffusion) final_sigma: FinalSigma,
    /// Karras timesteps of a cosine schedule are cut to integers, not rounded.
    pub(in crate::diffusion) cosine: bool,
}

/// How the betas are made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BetaSchedule {
    Linear { start: f64, end: f64 },
    ScaledLinear { start: f64, end: f64 },
    SquaredCosCapV2,
    Trained(Vec<f64>),
}

/// The checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SchedulerConfig {
    pub(super) train_timesteps: usize,
    pub(super) betas: BetaSchedule,
    pub(super) rescale_betas_zero_snr: bool,
    pub(super) prediction_type: PredictionType,
    pub(super) sampling: SamplingConfig,
}

/// Why a `scheduler_config.json` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not JSON or a value has the wrong type.
    #[error("not a scheduler configuration: {0}")]
    Syntax(String),
    /// A value is outside what makes sense.
    #[error("`{key}` is {found}, but {wanted}")]
    Value {
        /// The key in the file.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        wanted: String,
    },
}

impl ScheduleError {
    pub(super) fn value(key: &'static str, found: impl ToString, wanted: impl Into<String>) -> Self {
        Self::Value { key, found: found.to_string(), wanted: wanted.into() }
    }
}

/// No schedule in use has more steps; a larger number is a broken file.
const MAX_TRAIN_TIMESTEPS: usize = 100_000;

/// The file as it is written; defaults are those all diffusers schedulers share.
#[derive(Deserialize)]
struct Raw {
    #[serde(default = "thousand")]
    num_train_timesteps: usize,
    #[serde(default = "beta_start")]
    beta_start: f64,
    #[serde(default = "beta_end")]
    beta_end: f64,
    #[serde(default)]
    beta_schedule: Option<String>,
    #[serde(default)]
    trained_betas: Option<Vec<f64>>,
    #[serde(default)]
    prediction_type: Option<String>,
    #[serde(default)]
    rescale_betas_zero_snr: Option<bool>,
    #[serde(default)]
    steps_offset: Option<i64>,
    #[serde(default)]
    timestep_spacing: Option<String>,
    #[serde(default)]
    set_alpha_to_one: Option<bool>,
    #[serde(default)]
    final_sigmas_type: Option<String>,
    #[serde(default)]
    thresholding: Option<bool>,
}

fn thousand() -> usize {
    1000
}
fn beta_start() -> f64 {
    0.0001
}
fn beta_end() -> f64 {
    0.02
}

/// A string that must be one of an enum's names; absent and null give `None`.
fn one_of<T: for<'a> Deserialize<'a>>(
    key: &'static str,
    value: Option<String>,
    names: &str,
) -> Result<Option<T>, ScheduleError> {
    value
        .map(|name| {
            T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name))
                .map_err(|_| ScheduleError::value(key, format!("\"{name}\""), format!("it must be one of {names}")))
        })
        .transpose()
}

impl SchedulerConfig {
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| ScheduleError::Syntax(e.to_string()))?;
        let train_timesteps = raw.num_train_timesteps;
        if !(2..=MAX_TRAIN_TIMESTEPS).contains(&train_timesteps) {
            let wanted = format!("it must be between 2 and {MAX_TRAIN_TIMESTEPS}");
            return Err(ScheduleError::value("num_train_timesteps", train_timesteps, wanted));
        }
        if raw.thresholding == Some(true) {
            return Err(ScheduleError::value("thresholding", true, "latent diffusion models do not use it"));
        }
        for (key, beta) in [("beta_start", raw.beta_start), ("beta_end", raw.beta_end)] {
            if !(beta > 0.0 && beta < 1.0) {
                return Err(ScheduleError::value(key, beta, "it must be between 0 and 1"));
            }
        }
        let (start, end) = (raw.beta_start, raw.beta_end);
        let schedule = raw.beta_schedule.as_deref().unwrap_or("linear");
        let betas = match (raw.trained_betas, schedule) {
            (Some(betas), _) if betas.len() != train_timesteps => {
                let wanted = format!("`num_train_timesteps` is {train_timesteps}");
                return Err(ScheduleError::value("trained_betas", format!("{} numbers", betas.len()), wanted));
            }
            (Some(betas), _) => BetaSchedule::Trained(betas),
            (None, "linear") => BetaSchedule::Linear { start, end },
            (None, "scaled_linear") => BetaSchedule::ScaledLinear { start, end },
            (None, "squaredcos_cap_v2") => BetaSchedule::SquaredCosCapV2,
            (None, other) => {
                let wanted = "it must be one of linear, scaled_linear, squaredcos_cap_v2";
                return Err(ScheduleError::value("beta_schedule", format!("\"{other}\""), wanted));
            }
        };
        Ok(Self {
            train_timesteps,
            rescale_betas_zero_snr: raw.rescale_betas_zero_snr.unwrap_or(false),
            prediction_type: one_of("prediction_type", raw.prediction_type, "epsilon, v_prediction, sample")?
                .unwrap_or(PredictionType::Epsilon),
            sampling: SamplingConfig {
                // StableDiffusionPipeline sets every other offset in a file to 1 ("outdated"); `clip_sample` it
                // switches off, so that key is not read at all.
                steps_offset: usize::from(raw.steps_offset.is_some()),
                timestep_spacing: one_of("timestep_spacing", raw.timestep_spacing, "leading, trailing, linspace")?,
                set_alpha_to_one: raw.set_alpha_to_one,
                final_sigma: one_of("final_sigmas_type", raw.final_sigmas_type, "zero, sigma_min")?.unwrap_or_default(),
                cosine: schedule == "squaredcos_cap_v2",
            },
            betas,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default() {
        let config = SchedulerConfig::parse("{}").unwrap();
        assert_eq!(config.betas, BetaSchedule::Linear { start: 0.0001, end: 0.02 });
        assert_eq!(config.prediction_type, PredictionType::Epsilon);
        assert_eq!(config.sampling.steps_offset, 0);
        assert_eq!(config.sampling.timestep_spacing, None);
    }

    #[test]
    fn nonsense_is_named() {
        for (text, message) in [
            ("7", "not a scheduler configuration"),
            (r#"{"num_train_timesteps": 1}"#, "between 2 and 100000"),
            (r#"{"num_train_timesteps": 99999999999}"#, "between 2 and 100000"),
            (r#"{"num_train_timesteps": -1}"#, "not a scheduler configuration"),
            (r#"{"beta_start": 2}"#, "`beta_start` is 2, but it must be between 0 and 1"),
            (r#"{"beta_schedule": "exp"}"#, "`beta_schedule` is \"exp\""),
            (r#"{"trained_betas": [0.1]}"#, "1 numbers"),
            (r#"{"prediction_type": "flow_prediction"}"#, "epsilon, v_prediction, sample"),
            (r#"{"timestep_spacing": "middle"}"#, "leading, trailing, linspace"),
            (r#"{"thresholding": true}"#, "`thresholding` is true"),
        ] {
            let error = SchedulerConfig::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
