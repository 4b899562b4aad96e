//! The adapter of a training, as everybody else would load it: from its file.

use super::error::{StageError, failed};
use crate::adapter;
use crate::models::{LoraSet, Model};
use crate::records::adapters;
use crate::store::Artifact;

/// The adapter after a step that the training kept (`None` is the last one), multiplied by `scale`.
pub(super) fn read(
    model: &Model,
    train: &Artifact,
    checkpoint: Option<usize>,
    scale: f64,
) -> Result<LoraSet, StageError> {
    let file = train.file(&adapters::of_step(checkpoint))?;
    let modules = model.adaptable_layers()?;
    adapter::file::load_bytes(&file.read()?, &file.path, &modules, scale, &model.device).map_err(failed)
}
