//! The keys of `scheduler_config.json`. A key is used, or it must have the value that this program works with, or it is
//! about samplers, which the experiment file decides, or the user is told that it is not used.

use serde_json::{Value, json};

use super::class::SchedulerClass;
use super::error::ScheduleError;
use crate::sampling::schedule::BetaSchedule;
use crate::tensors::fields::{Fields, shown};

/// Keys that this program reads.
const USED: [&str; 11] = [
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "steps_offset",
    "timestep_spacing",
    "set_alpha_to_one",
    "final_sigmas_type",
];

/// Keys that change nothing here, whatever their value.
const IDLE: [&str; 18] = [
    // StableDiffusionPipeline switches `clip_sample` off, whatever the file says.
    "clip_sample",
    "clip_sample_range",
    // These belong to thresholding and to flows, which are both refused.
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "flow_shift",
    "time_shift_type",
    // These belong to samplers that do not exist here (LCM, TCD, SA-Solver, RePaint, DPM-Solver SDE).
    "original_inference_steps",
    "timestep_scaling",
    "predictor_order",
    "corrector_order",
    "tau_func",
    "eta",
    "noise_sampler_seed",
    // How a sampler begins or ends: the sampler of the experiment has its own way.
    "lower_order_final",
    "euler_at_final",
    "disable_corrector",
    "solver_p",
    // A key of files from 2022.
    "tensor_format",
];

/// Keys that must be absent, null or have one of these values: everything else is another process, or another
/// network than this program has.
fn required() -> [(&'static str, Vec<Value>, &'static str); 16] {
    const FLOW: &str = "it belongs to flow-matching models, which are not supported";
    const EDM: &str = "it belongs to EDM models, which are not supported";
    let no = || vec![json!(false)];
    [
        ("thresholding", no(), "latent diffusion models do not use it"),
        ("use_flow_sigmas", no(), FLOW),
        ("use_dynamic_shifting", no(), FLOW),
        ("shift", vec![json!(1.0)], FLOW),
        ("base_shift", vec![], FLOW),
        ("max_shift", vec![], FLOW),
        ("shift_terminal", vec![], FLOW),
        ("invert_sigmas", no(), FLOW),
        ("stochastic_sampling", no(), FLOW),
        ("sigma_data", vec![], EDM),
        ("sigma_schedule", vec![], EDM),
        ("rho", vec![], EDM),
        ("sigma_min", vec![], EDM),
        ("sigma_max", vec![], EDM),
        ("timestep_type", vec![json!("discrete")], EDM),
        ("snr_shift_scale", vec![json!(1.0)], "it belongs to video models, which are not supported"),
    ]
}

/// Keys that ask for another sampler than those of this program, with the values that these have.
fn of_samplers() -> [(&'static str, Vec<Value>); 11] {
    let no = || vec![json!(false)];
    [
        ("use_karras_sigmas", no()),
        ("use_exponential_sigmas", no()),
        ("use_beta_sigmas", no()),
        ("use_lu_lambdas", no()),
        ("skip_prk_steps", vec![json!(true)]),
        ("interpolation_type", vec![json!("linear")]),
        ("algorithm_type", ["dpmsolver++", "deis", "data_prediction"].map(Value::from).to_vec()),
        ("solver_order", vec![json!(2)]),
        ("solver_type", ["midpoint", "bh2", "logrho"].map(Value::from).to_vec()),
        ("predict_x0", vec![json!(true)]),
        ("lambda_min_clipped", vec![json!("-Infinity"), json!("-inf")]),
    ]
}

/// Keys that ask for noise levels, and the word of `generate.sigmas` for them.
const SIGMAS: [(&str, &str); 3] =
    [("use_karras_sigmas", "karras"), ("use_exponential_sigmas", "exponential"), ("use_beta_sigmas", "beta")];

fn allowed(value: &Value, allowed: &[Value]) -> bool {
    allowed.iter().any(|a| a == value || (a.as_f64().is_some() && a.as_f64() == value.as_f64()))
}

/// Refuses everything that is not a DDPM process of a latent diffusion model.
pub(super) fn check(fields: &Fields) -> Result<(), ScheduleError> {
    if let Some(name) = fields.text("_class_name")? {
        name.parse::<SchedulerClass>().map_err(ScheduleError::Class)?;
    }
    for (key, values, why) in required() {
        if let Some(value) = fields.some(key).filter(|value| !allowed(value, &values)) {
            return Err(ScheduleError::value(key, shown(value), why));
        }
    }
    if let Some(variance) = fields.text("variance_type")?.filter(|name| name.starts_with("learned")) {
        let why = "models that predict a variance are not supported";
        return Err(ScheduleError::value("variance_type", format!("\"{variance}\""), why));
    }
    if fields.some("predict_epsilon").is_some_and(|value| *value != json!(true)) {
        let why = "it must be written as `prediction_type`, e.g. \"sample\"";
        return Err(fields.error("predict_epsilon", why).into());
    }
    Ok(())
}

/// What the user should know: values that are guessed, and values that are not used.
pub(super) fn warnings(fields: &Fields, betas: &BetaSchedule) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut tell = |text: String| warnings.push(format!("scheduler_config.json of the model {text}"));
    if fields.some("_class_name").is_none() {
        tell("does not say its `_class_name`: it is read as that of a model whose noise follows betas.".to_owned());
    }
    if let Some(offset) = fields.some("steps_offset").filter(|offset| !allowed(offset, &[json!(0), json!(1)])) {
        tell(format!("says `steps_offset` is {}; 1 is used, as StableDiffusionPipeline does.", shown(offset)));
    }
    let needed: &[(&str, &str)] = match betas {
        BetaSchedule::Trained(_) | BetaSchedule::SquaredCosCapV2 => &[],
        _ => &[("beta_schedule", "\"linear\""), ("beta_start", "0.0001"), ("beta_end", "0.02")],
    };
    for (key, default) in needed.iter().filter(|(key, _)| fields.some(key).is_none()) {
        tell(format!("does not say `{key}`: {default} is used, which few models were trained with."));
    }
    for (key, values) in of_samplers() {
        if let Some(value) = fields.some(key).filter(|value| !allowed(value, &values)) {
            let why = match SIGMAS.iter().find(|(theirs, _)| *theirs == key) {
                Some((_, word)) => format!("`generate.sigmas = \"{word}\"` does"),
                None => "the sampler that the experiment names decides instead".to_owned(),
            };
            tell(format!("says `{key}` is {}; that is not used: {why}.", shown(value)));
        }
    }
    let (other, samplers) = (required(), of_samplers());
    let mut known: Vec<&str> = other.iter().map(|(key, ..)| *key).collect();
    known.extend(samplers.iter().map(|(key, _)| *key));
    known.extend(["variance_type", "predict_epsilon"]);
    for key in fields.unknown(&[&USED, &IDLE, &known]) {
        tell(format!("has the key `{key}`, which is not known here and not used."));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::read::settings;
    use super::*;

    /// The configurations people have: with the keys that diffusers of several years wrote.
    #[test]
    fn known_models_are_read_without_a_warning() {
        let betas = r#""beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
            "trained_betas": null,
            "num_train_timesteps": 1000"#;
        for (model, keys) in [
            (
                "Stable Diffusion 1.5",
                r#""_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "set_alpha_to_one": false,
                "skip_prk_steps": true, "steps_offset": 1, "clip_sample": false"#,
            ),
            (
                "Stable Diffusion 2.1",
                r#""_class_name": "DDIMScheduler", "clip_sample": false, "prediction_type": "v_prediction",
                "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1"#,
            ),
            (
                "SD-Turbo",
                r#""_class_name": "EulerDiscreteScheduler", "clip_sample": false, "interpolation_type": "linear",
                "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": false, "sigma_max": null,
                "sigma_min": null, "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "trailing",
                "timestep_type": "discrete", "use_karras_sigmas": false, "final_sigmas_type": "zero",
                "use_beta_sigmas": false, "use_exponential_sigmas": false, "rescale_betas_zero_snr": false"#,
            ),
            (
                "LCM",
                r#""_class_name": "LCMScheduler", "clip_sample": false, "clip_sample_range": 1.0,
                "dynamic_thresholding_ratio": 0.995, "original_inference_steps": 50, "prediction_type": "epsilon",
                "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "set_alpha_to_one": true, "steps_offset": 0,
                "thresholding": false, "timestep_scaling": 10.0, "timestep_spacing": "leading""#,
            ),
            (
                "a merge saved with DPM-Solver++",
                r#""_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++",
                "euler_at_final": false,
                "lambda_min_clipped": -Infinity, "lower_order_final": true, "prediction_type": "epsilon",
                "solver_order": 2, "solver_type": "midpoint", "use_lu_lambdas": false, "use_flow_sigmas": false,
                "flow_shift": 1.0, "use_dynamic_shifting": false, "time_shift_type": "exponential",
                "variance_type": null, "steps_offset": 1, "timestep_spacing": "linspace""#,
            ),
            (
                "a model saved with UniPC",
                r#""_class_name": "UniPCMultistepScheduler", "disable_corrector": [], "lower_order_final": true,
                "predict_x0": true, "solver_order": 2, "solver_p": null, "solver_type": "bh2", "steps_offset": 1"#,
            ),
        ] {
            let (config, warnings) =
                settings(&format!("{{{betas}, {keys}}}")).unwrap_or_else(|e| panic!("{model}: {e}"));
            assert_eq!(config.betas, BetaSchedule::ScaledLinear { start: 0.00085, end: 0.012 });
            assert!(warnings.is_empty(), "{model}: {warnings:?}");
        }
    }

    #[test]
    fn what_is_not_used_is_told() {
        let betas =
            r#""_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear""#;
        for key in [
            r#""use_karras_sigmas": true"#,
            r#""interpolation_type": "log_linear""#,
            r#""algorithm_type": "sde-dpmsolver++""#,
            r#""lambda_min_clipped": -5.1"#,
            r#""steps_offset": 5"#,
            r#""my_own_key": 1"#,
        ] {
            let told = settings(&format!("{{{betas}, {key}}}")).unwrap().1;
            let name = key.split('"').nth(1).unwrap();
            assert!(told.len() == 1 && told[0].contains(name), "{key}: {told:?}");
        }
        let told = settings("{}").unwrap().1.join(" ");
        for key in ["_class_name", "beta_schedule", "beta_start", "beta_end"] {
            assert!(told.contains(key), "{told}");
        }
    }

    #[test]
    fn other_processes_are_refused() {
        for text in [
            r#"{"_class_name": "EDMEulerScheduler"}"#,
            r#"{"_class_name": "MyOwnScheduler"}"#,
            r#"{"_class_name": "DDIMScheduler", "use_flow_sigmas": true}"#,
            r#"{"shift": 3.0}"#,
            r#"{"sigma_data": 0.5}"#,
            r#"{"sigma_min": 0.002}"#,
            r#"{"timestep_type": "continuous"}"#,
            r#"{"snr_shift_scale": 3.0}"#,
            r#"{"variance_type": "learned_range"}"#,
            r#"{"predict_epsilon": false}"#,
        ] {
            let key = text.split('"').nth(if text.contains("_flow_") { 5 } else { 1 }).unwrap();
            let error = settings(text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
