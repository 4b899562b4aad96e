//! Tensors of a one-file checkpoint that no network takes.

use super::ema::PREFIX as EMA;
use super::foreign::DENOISER;
use crate::models::families::SingleFile;
use crate::tensors::{LoadError, Weights};

/// Names of training's own numbers and of parts that drawing does not need, which change no picture.
const IGNORED: [&str; 22] = [
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "logvar",
    "lvlb_weights",
    "scale_factor",
    "denoiser.sigmas",
    "v_pred",
    "ztsnr",
    "epoch",
    "global_step",
    "pytorch-lightning_version",
    "cond_stage_model.logit_scale",
];

/// Beginnings of such names.
const BEGINNINGS: [&str; 10] = [
    EMA,
    "first_stage_model.loss.",
    "first_stage_model.model_ema.",
    "cond_stage_model.transformer.vision_model.",
    "embedding_manager.",
    "optimizer",
    "lr_scheduler",
    "callbacks.",
    "loops.",
    "hyper_parameters.",
];

/// The weights without those that are known to be of no use here.
///
/// # Errors
/// None: nothing gets another name.
pub(super) fn without_known(weights: Weights) -> Result<Weights, LoadError> {
    let known = |name: &str| IGNORED.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    weights.rename(|name| (!known(name)).then(|| name.to_owned()))
}

/// A sentence that names the tensors of a file that belong to none of its networks; `None` if there are none.
pub(super) fn warning(weights: &Weights, single: &SingleFile) -> Option<String> {
    let known =
        |name: &str| name.starts_with(DENOISER) || single.parts.iter().any(|part| name.starts_with(part.prefix));
    let unknown: Vec<&str> = weights.shapes().map(|(name, _)| name).filter(|name| !known(name)).collect();
    let some: Vec<String> = unknown.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = if unknown.len() > some.len() { ", …" } else { "" };
    let (count, file) = (unknown.len(), weights.source().file_name().unwrap_or_default().to_string_lossy());
    let tensors = if count == 1 { "tensor" } else { "tensors" };
    (count > 0).then(|| format!("{file} has {count} {tensors} that are not used here: {}{more}.", some.join(", ")))
}
