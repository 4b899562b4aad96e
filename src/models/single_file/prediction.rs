//! Whether a checkpoint predicts ε or v, which its tensors do not say outright.

use std::path::Path;

use crate::models::families::Family;
use crate::sampling::schedule::PredictionType;
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// The norm whose bias tells the two kinds of Stable Diffusion 2 apart.
const TELLING: &str = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";

/// In this order: `modelspec.prediction_type` in the file's metadata, the marker tensor `v_pred`, and for
/// Stable Diffusion 2 the spread of one norm's bias, above 0.09 in models trained on v (ComfyUI's rule,
/// [`supported_models.py`](https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/supported_models.py), class `SD20`).
///
/// # Errors
/// A Stable Diffusion 2 file without that norm.
pub(crate) fn prediction_type(file: &Path, weights: &mut Weights, family: Family) -> Result<PredictionType, LoadError> {
    match weights.metadata("modelspec.prediction_type") {
        Some("v" | "v_prediction") => return Ok(PredictionType::VPrediction),
        Some("epsilon") => return Ok(PredictionType::Epsilon),
        _ => {}
    }
    if weights.contains("v_pred") {
        return Ok(PredictionType::VPrediction);
    }
    if !family.data().single_file.may_predict_v {
        return Ok(PredictionType::Epsilon);
    }
    let Some(bias) = weights.read_early(TELLING)? else {
        return Err(LoadError::Invalid {
            file: file.to_owned(),
            reason: "it does not say whether it predicts noise or v: convert it to a diffusers folder, whose \
                     scheduler_config.json has a `prediction_type`"
                .to_owned(),
        });
    };
    let values = bias
        .flatten_all()
        .and_then(|flat| flat.to_vec1::<f32>())
        .map_err(|source| LoadError::Tensor { file: file.to_owned(), source: Box::new(source) })?;
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / count;
    Ok(if variance.sqrt() > 0.09 { PredictionType::VPrediction } else { PredictionType::Epsilon })
}

/// Whether the model was trained up to pure noise: the marker tensor `ztsnr` of v-predicting models says so (class
/// `SDXL` of the same file of ComfyUI).
pub(crate) fn zero_snr(weights: &Weights, prediction: PredictionType) -> bool {
    prediction == PredictionType::VPrediction && weights.contains("ztsnr")
}
