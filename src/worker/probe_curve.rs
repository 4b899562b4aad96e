//! The probe curve of a training: the probe loss, measured while it goes on.

use candle_core::DType;

use super::{error::StageError, train_log::TrainLog, training_items::Items};
use crate::measures::probe_values::{Band, ProbeValue, of_band};
use crate::models::{Conditioning, LoraSet, Model};
use crate::records::rows::{BandRow, ProbeRow, Split};
use crate::stage::Train;
use crate::training::{ClassMaterial, ProbeSet, Prompt, TokenIds, Trainer, probe_values};

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

    /// Adds the loss on each set to the log, over all times and over each third of them.
    pub(super) fn measure(&self, model: &Model, trainer: &Trainer<'_>, log: &mut TrainLog) -> Result<(), StageError> {
        let adapter = trainer.kept()?.frozen_set(1.0)?;
        for (split, set) in &self.sets {
            let set = set.encoded(|prompt| encoded(model, trainer, prompt, &adapter))?;
            let values = probe_values(&model.denoiser, &model.process, &set, &adapter, self.batch_size, &model.device)?;
            let (step, split) = (trainer.steps_done(), *split);
            let loss = mean(&values).unwrap_or(f64::NAN);
            let [low, middle, high] = bands(set.times(), &values);
            log.probe(ProbeRow { step, split, loss }, BandRow { step, split, low, middle, high });
        }
        Ok(())
    }
}

/// The mean; `None` of nothing.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The means over the first, second and last third of the process, of values that are asked photo by photo at these
/// times.
fn bands(times: &[f32], values: &[f64]) -> [Option<f64>; 3] {
    let value = |(loss, timestep): (&f64, &f32)| ProbeValue { photo: "", timestep: *timestep, loss: *loss };
    let values: Vec<ProbeValue<'_>> = values.iter().zip(times.iter().cycle()).map(value).collect();
    Band::ALL.map(|band| mean(&of_band(&values, band).iter().map(|value| value.loss).collect::<Vec<_>>()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_third_of_the_times_has_its_own_mean() {
        // Two photos at three times.
        let means = bands(&[100.0, 500.0, 900.0], &[1.0, 2.0, 3.0, 5.0, 8.0, 13.0]);
        assert_eq!(means, [Some(3.0), Some(5.0), Some(8.0)]);
        assert_eq!(bands(&[500.0], &[2.0]), [None, Some(2.0), None]);
        assert_eq!(mean(&[]), None);
    }
}
