//! The probe curve of a training: the probe loss, measured while it goes on.

use candle_core::DType;

use super::{error::StageError, train_log::TrainLog, training_items::Items};
use crate::models::{Conditioning, LoraSet, Model};
use crate::records::rows::{ProbeRow, Split};
use crate::stage::Train;
use crate::training::{ClassMaterial, ProbeSet, Prompt, TokenIds, Trainer, probe_loss};

/// The fixed noise and timesteps of the probe loss; it is measured on them at several steps.
pub(super) struct ProbeCurve {
    sets: Vec<(Split, ProbeSet)>,
    batch_size: usize,
}

impl ProbeCurve {
    pub(super) fn new(model: &Model, wanted: &Train, items: &Items) -> Self {
        let probe = &wanted.evaluate;
        let mut sets = Vec::new();
        let class = match &items.material.class {
            ClassMaterial::Images(images) => images.as_slice(),
            ClassMaterial::None | ClassMaterial::Output(_) => &[],
        };
        for (split, items) in
            [(Split::Train, &items.material.photos[..]), (Split::HeldOut, &items.held_out), (Split::Class, class)]
        {
            let first = items.iter().take(probe.probe_photos).cloned().collect();
            let scale = model.vae_config.latent_scale();
            let set = ProbeSet::new(first, probe.probe_timesteps, &model.process, scale, probe.probe_seed);
            if !set.is_empty() {
                sets.push((split, set));
            }
        }
        Self { sets, batch_size: wanted.train.recipe.batch_size }
    }

    /// Adds the loss on each set to the log.
    pub(super) fn measure(&self, model: &Model, trainer: &Trainer<'_>, log: &mut TrainLog) -> Result<(), StageError> {
        let adapter = trainer.kept()?.frozen_set(1.0)?;
        for (split, set) in &self.sets {
            let set = set.encoded(|prompt| encoded(model, trainer, prompt, &adapter))?;
            let loss = probe_loss(&model.denoiser, &model.process, &set, &adapter, self.batch_size, &model.device)?;
            log.probe(ProbeRow { step: trainer.steps_done(), split: *split, loss });
        }
        Ok(())
    }
}

/// The prompt as the denoiser sees it now: text encoders that are trained encode it anew.
fn encoded(
    model: &Model,
    trainer: &Trainer<'_>,
    prompt: &Prompt,
    adapter: &LoraSet,
) -> candle_core::Result<Conditioning> {
    match (prompt.to_device(&model.device)?, trainer.text()) {
        (Prompt::Ids(TokenIds { ids, sizes }), Some(text)) => {
            Ok(Conditioning { sizes, ..text.encode(&ids, adapter)?.to_dtype(DType::F32)? })
        }
        (prompt, _) => prompt.encoded().cloned(),
    }
}
