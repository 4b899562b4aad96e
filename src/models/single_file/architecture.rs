//! The configurations that the files do not hold.

use std::path::Path;

use crate::models::families::Family;
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
pub(super) fn architecture(file: &Path, family: Family) -> Result<Architecture, LoadError> {
    let data = family.data();
    let parts = data.folder.parts.iter().zip(data.single_file.parts);
    let networks = parts.map(|(part, single)| Network::parse(part.class, file, single.config));
    Ok(Architecture { family, networks: networks.collect::<Result<_, _>>()? })
}

/// `scheduler/scheduler_config.json` of both families.
pub(super) fn scheduler(prediction: PredictionType) -> String {
    let prediction = match prediction {
        PredictionType::Epsilon => "epsilon",
        PredictionType::VPrediction => "v_prediction",
        PredictionType::Sample => "sample",
    };
    format!(
        r#"{{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
            "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": "{prediction}"}}"#
    )
}
