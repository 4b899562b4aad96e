//! The configurations that the files do not hold.

use std::path::Path;

use crate::models::families::{Family, FamilyData};
use crate::models::network::Network;
use crate::sampling::schedule::PredictionType;
use crate::tensors::LoadError;

/// The sizes of a checkpoint's networks.
#[derive(Clone, Debug)]
pub struct Architecture {
    /// Whose names the file uses.
    pub family: Family,
    /// The networks, in the order of the parts of the family's folder.
    pub networks: Vec<Network>,
}

/// The sizes of a family's only architecture; `file` is for messages.
pub(super) fn architecture(file: &Path, family: Family, prediction: PredictionType) -> Result<Architecture, LoadError> {
    let data = family.data();
    let parts = data.folder.parts.iter().zip(data.single_file.parts);
    let networks = parts.map(|(part, single)| Network::parse(part.class, file, single.config));
    let mut networks = networks.collect::<Result<Vec<_>, _>>()?;
    for network in &mut networks {
        if let (Network::UNet(config), PredictionType::VPrediction) = (network, prediction) {
            config.sample_size = data.single_file.sample_size_v;
        }
    }
    Ok(Architecture { family, networks })
}

/// `scheduler/scheduler_config.json` of the families. A model with zero terminal SNR is drawn from the last timestep on
/// (Lin et al. 2023, [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), section 3.3).
pub(super) fn scheduler(family: &FamilyData, prediction: PredictionType, zero_snr: bool) -> String {
    let prediction = match prediction {
        PredictionType::Epsilon => "epsilon",
        PredictionType::VPrediction => "v_prediction",
        PredictionType::Sample => "sample",
    };
    let spacing = match family.single_file.spacing {
        _ if zero_snr => r#", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing""#.to_owned(),
        Some(spacing) => format!(r#", "timestep_spacing": "{spacing}""#),
        None => String::new(),
    };
    format!(
        r#"{{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
            "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": "{prediction}"{spacing}}}"#
    )
}
