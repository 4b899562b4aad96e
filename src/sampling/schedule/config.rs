//! `scheduler_config.json` of diffusers: the values that are used, their defaults and their limits. `keys.rs` decides
//! what becomes of all other keys.

use serde::Deserialize;

use super::keys::{check, warnings};
use crate::tensors::fields::{FieldError, Fields};

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
pub(crate) enum FinalSigma {
    #[default]
    Zero,
    SigmaMin,
}

/// Settings a sampler takes from the model; `None` means the sampler's own default, as in diffusers'
/// `XScheduler.from_config`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SamplingConfig {
    pub(crate) steps_offset: usize,
    pub(crate) timestep_spacing: Option<TimestepSpacing>,
    pub(crate) set_alpha_to_one: Option<bool>,
    pub(crate) final_sigma: FinalSigma,
    /// Karras timesteps of a cosine schedule are cut to integers, not rounded.
    pub(crate) cosine: bool,
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
    /// What the file asks for and does not get, each a plain sentence.
    pub(super) warnings: Vec<String>,
}

/// Why a `scheduler_config.json` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not JSON or a value has the wrong type.
    #[error("not a scheduler configuration: {0}")]
    Syntax(String),
    /// The scheduler is of another process.
    #[error("`_class_name`: {0}")]
    Class(String),
    /// A value is outside what makes sense.
    #[error("`{key}` is {found}, but {wanted}")]
    Value {
        /// The key in the file.
        key: String,
        /// Its value.
        found: String,
        /// What it must be.
        wanted: String,
    },
}

impl ScheduleError {
    pub(super) fn value(key: &str, found: impl ToString, wanted: impl Into<String>) -> Self {
        Self::Value { key: key.to_owned(), found: found.to_string(), wanted: wanted.into() }
    }
}

impl From<FieldError> for ScheduleError {
    fn from(FieldError { key, found, wanted }: FieldError) -> Self {
        Self::Value { key, found, wanted }
    }
}

/// No schedule in use has more steps; a larger number is a broken file.
const MAX_TRAIN_TIMESTEPS: usize = 100_000;

/// A string that must be one of an enum's names; absent and null give `None`.
fn one_of<T: for<'a> Deserialize<'a>>(
    key: &str,
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
        let fields = Fields::parse(text).map_err(ScheduleError::Syntax)?;
        check(&fields)?;
        let train_timesteps = fields.count("num_train_timesteps", 1000)?;
        if !(2..=MAX_TRAIN_TIMESTEPS).contains(&train_timesteps) {
            let wanted = format!("it must be between 2 and {MAX_TRAIN_TIMESTEPS}");
            return Err(ScheduleError::value("num_train_timesteps", train_timesteps, wanted));
        }
        let betas = betas(&fields, train_timesteps)?;
        let cosine = fields.text("beta_schedule")?.as_deref() == Some("squaredcos_cap_v2");
        let prediction = fields.text("prediction_type")?;
        Ok(Self {
            train_timesteps,
            warnings: warnings(&fields, &betas),
            betas,
            rescale_betas_zero_snr: flag(&fields, "rescale_betas_zero_snr")?.unwrap_or(false),
            prediction_type: one_of("prediction_type", prediction, "epsilon, v_prediction, sample")?
                .unwrap_or(PredictionType::Epsilon),
            sampling: SamplingConfig {
                // StableDiffusionPipeline sets every other offset in a file to 1 ("outdated").
                steps_offset: usize::from(fields.some("steps_offset").is_some()),
                timestep_spacing: one_of(
                    "timestep_spacing",
                    fields.text("timestep_spacing")?,
                    "leading, trailing, linspace",
                )?,
                set_alpha_to_one: flag(&fields, "set_alpha_to_one")?,
                final_sigma: one_of("final_sigmas_type", fields.text("final_sigmas_type")?, "zero, sigma_min")?
                    .unwrap_or_default(),
                cosine,
            },
        })
    }
}

fn flag(fields: &Fields, key: &str) -> Result<Option<bool>, ScheduleError> {
    Ok(match fields.some(key) {
        None => None,
        Some(_) => Some(fields.flag(key, false)?),
    })
}

fn betas(fields: &Fields, train_timesteps: usize) -> Result<BetaSchedule, ScheduleError> {
    // The defaults are those of the seven schedulers of diffusers that the samplers follow.
    let (start, end) = (fields.number("beta_start", 0.0001)?, fields.number("beta_end", 0.02)?);
    for (key, beta) in [("beta_start", start), ("beta_end", end)] {
        if !(beta > 0.0 && beta < 1.0) {
            return Err(ScheduleError::value(key, beta, "it must be between 0 and 1"));
        }
    }
    if let Some(betas) = fields.numbers("trained_betas")? {
        if betas.len() != train_timesteps {
            let wanted = format!("`num_train_timesteps` is {train_timesteps}");
            return Err(ScheduleError::value("trained_betas", format!("{} numbers", betas.len()), wanted));
        }
        return Ok(BetaSchedule::Trained(betas));
    }
    match fields.text("beta_schedule")?.as_deref().unwrap_or("linear") {
        "linear" => Ok(BetaSchedule::Linear { start, end }),
        "scaled_linear" => Ok(BetaSchedule::ScaledLinear { start, end }),
        "squaredcos_cap_v2" => Ok(BetaSchedule::SquaredCosCapV2),
        other => {
            let wanted = "it must be one of linear, scaled_linear, squaredcos_cap_v2";
            Err(ScheduleError::value("beta_schedule", format!("\"{other}\""), wanted))
        }
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
            (r#"{"num_train_timesteps": -1}"#, "`num_train_timesteps` is -1, but expected a whole number"),
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
