//! `scheduler_config.json` of diffusers: the values that are used, their defaults and their limits. `keys.rs` decides
//! what becomes of all other keys.

use serde::Deserialize;

use super::error::ScheduleError;
use super::keys::{check, warnings};
use crate::sampling::process::Process;
use crate::sampling::schedule::{
    BetaOutOfRange, BetaSchedule, NoiseSchedule, PredictionType, SamplerDefaults, ScheduleSettings,
};
use crate::tensors::fields::Fields;

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

/// The process that the text of a diffusers `scheduler/scheduler_config.json` describes, and warnings: a plain sentence
/// for each thing that the text asks for and does not get.
///
/// # Errors
/// Text that is not JSON, values out of range, another process, and settings this program does not implement, by name.
pub fn process(text: &str) -> Result<(Process, Vec<String>), ScheduleError> {
    let (settings, warnings) = settings(text)?;
    let refused =
        |beta: BetaOutOfRange| ScheduleError::value("trained_betas", beta.0, "every beta must be between 0 and 1");
    Ok((Process::Ddpm(NoiseSchedule::new(settings).map_err(refused)?), warnings))
}

/// The checked values and the warnings.
pub(super) fn settings(text: &str) -> Result<(ScheduleSettings, Vec<String>), ScheduleError> {
    let fields = Fields::parse(text).map_err(ScheduleError::Syntax)?;
    check(&fields)?;
    let train_timesteps = fields.count("num_train_timesteps", 1000)?;
    if !(2..=MAX_TRAIN_TIMESTEPS).contains(&train_timesteps) {
        let wanted = format!("it must be between 2 and {MAX_TRAIN_TIMESTEPS}");
        return Err(ScheduleError::value("num_train_timesteps", train_timesteps, wanted));
    }
    let betas = betas(&fields, train_timesteps)?;
    let prediction = fields.text("prediction_type")?;
    let warnings = warnings(&fields, &betas);
    let settings = ScheduleSettings {
        train_timesteps,
        betas,
        rescale_betas_zero_snr: flag(&fields, "rescale_betas_zero_snr")?.unwrap_or(false),
        prediction_type: one_of("prediction_type", prediction, "epsilon, v_prediction, sample")?
            .unwrap_or(PredictionType::Epsilon),
        sampler: sampler_defaults(&fields)?,
    };
    Ok((settings, warnings))
}

fn sampler_defaults(fields: &Fields) -> Result<SamplerDefaults, ScheduleError> {
    let spacing = fields.text("timestep_spacing")?;
    let end = fields.text("final_sigmas_type")?;
    Ok(SamplerDefaults {
        // StableDiffusionPipeline sets every other offset in a file to 1 ("outdated").
        steps_offset: usize::from(fields.some("steps_offset").is_some()),
        timestep_spacing: one_of("timestep_spacing", spacing, "leading, trailing, linspace")?,
        set_alpha_to_one: flag(fields, "set_alpha_to_one")?,
        final_sigma: one_of("final_sigmas_type", end, "zero, sigma_min")?.unwrap_or_default(),
        cosine: fields.text("beta_schedule")?.as_deref() == Some("squaredcos_cap_v2"),
        // The family knows it.
        ..SamplerDefaults::default()
    })
}

fn flag(fields: &Fields, key: &str) -> Result<Option<bool>, ScheduleError> {
    Ok(match fields.some(key) {
        None => None,
        Some(_) => Some(fields.flag(key, false)?),
    })
}

fn betas(fields: &Fields, train_timesteps: usize) -> Result<BetaSchedule, ScheduleError> {
    // These defaults are those of seven of the eight schedulers of diffusers that the samplers follow; heun has others.
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
        let (config, _) = settings("{}").unwrap();
        assert_eq!(config, ScheduleSettings::default());
        assert_eq!(config.betas, BetaSchedule::Linear { start: 0.0001, end: 0.02 });
        assert_eq!(config.prediction_type, PredictionType::Epsilon);
        assert_eq!(config.sampler.steps_offset, 0);
        assert_eq!(config.sampler.timestep_spacing, None);
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
            let error = settings(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
