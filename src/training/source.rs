//! The batches of a training: latents, noise, times, conditions and dropout masks of each step.

use super::batch::Batch;
use super::dropout;
use super::sample::{Sample, TrainingItem};
use crate::experiment::settings::TrainRecipe;
use crate::models::config::LatentScale;
use crate::models::{AdaptableLayer, Conditioning};
use crate::sampling::noise::TorchRng;
use crate::sampling::process::Process;
use candle_core::{Device, Result, Tensor, bail};
use std::collections::BTreeMap;

/// How batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchConfig {
    /// Photos per forward pass; with prior preservation as many class images come on top.
    pub batch_size: usize,
    /// Forward passes per optimizer step.
    pub gradient_accumulation: usize,
    /// Probability that an adapter's input is dropped, 0 to <1.
    pub dropout: f64,
    /// From the VAE's latents to the denoiser's.
    pub latents: LatentScale,
    /// Seeds data order, latents, noise, times and dropout.
    pub seed: u64,
}

impl BatchConfig {
    /// The settings of a training on a model whose latents are scaled like this.
    #[must_use]
    pub fn new(recipe: &TrainRecipe, latents: LatentScale) -> Self {
        Self {
            batch_size: recipe.batch_size,
            gradient_accumulation: recipe.gradient_accumulation,
            dropout: recipe.dropout,
            latents,
            seed: recipe.seed,
        }
    }
}

/// The batches of every step.
///
/// Samples are numbered through the whole training: step, forward pass, place in the batch. All numbers of sample `n`
/// come from streams seeded by (seed, purpose, n), so that a resumed training draws what an uninterrupted one draws;
/// accumulating 2 passes of b samples uses the very samples of one pass of 2·b; and trainings on 5 and on 25 photos
/// meet the same noise and timesteps.
#[derive(Clone, Debug)]
pub struct BatchSource {
    config: BatchConfig,
    /// Draws the times.
    process: Process,
    photos: Vec<TrainingItem>,
    class_images: Vec<TrainingItem>,
    /// Layers that get a dropout mask.
    layers: Vec<AdaptableLayer>,
    device: Device,
}

impl BatchSource {
    /// Items on any device, batches on `device`; `layers` are those that an adapter can change. No `class_images` means
    /// no prior preservation.
    ///
    /// # Errors
    /// If there is no photo, a batch of nothing is asked for, or the items differ in shape.
    pub fn new(
        config: BatchConfig,
        process: &Process,
        photos: Vec<TrainingItem>,
        class_images: Vec<TrainingItem>,
        layers: Vec<AdaptableLayer>,
        device: &Device,
    ) -> Result<Self> {
        let BatchConfig { batch_size, gradient_accumulation, dropout, .. } = config;
        if photos.is_empty() || batch_size == 0 || gradient_accumulation == 0 {
            bail!("training needs at least one photo, a batch of one and one pass per step");
        }
        if !(0.0..1.0).contains(&dropout) {
            bail!("dropout must be at least 0 and less than 1, not {dropout}");
        }
        let shape = |item: &TrainingItem| (item.mean.dims().to_vec(), item.conditioning.shapes());
        let first = shape(&photos[0]);
        for item in photos.iter().chain(&class_images) {
            if shape(item) != first || item.std.dims() != item.mean.dims() {
                bail!("training items differ in shape: {:?} and {first:?}", shape(item));
            }
        }
        let layers = if dropout > 0.0 { layers } else { Vec::new() };
        Ok(Self { config, process: process.clone(), photos, class_images, layers, device: device.clone() })
    }

    /// The batches of optimizer step `step`, counted from 0: one per forward pass.
    pub fn batches(&self, step: u64) -> Result<Vec<Batch>> {
        let passes = self.config.gradient_accumulation as u64;
        (0..passes).map(|pass| self.batch((step * passes + pass) * self.config.batch_size as u64)).collect()
    }

    /// The epoch, counted from 1, in which step `step` (from 0) ends. In an epoch each photo is seen once. Class
    /// images do not change its length.
    #[must_use]
    pub fn epoch(&self, step: u64) -> u64 {
        let samples_per_step = (self.config.batch_size * self.config.gradient_accumulation) as u64;
        ((step + 1) * samples_per_step - 1) / self.photos.len() as u64 + 1
    }

    fn batch(&self, first_sample: u64) -> Result<Batch> {
        let mut samples = Vec::new();
        for (kind, items) in [("photo", &self.photos), ("class", &self.class_images)] {
            if !items.is_empty() {
                let numbers = first_sample..first_sample + self.config.batch_size as u64;
                samples.extend(numbers.map(|number| Sample { kind, items, number, seed: self.config.seed }));
            }
        }
        let collect = |part: &dyn Fn(&Sample<'_>) -> Result<Tensor>| {
            let parts = samples.iter().map(part).collect::<Result<Vec<_>>>()?;
            Tensor::stack(&parts, 0)?.to_device(&self.device)
        };
        let [_, height, width] = self.photos[0].mean.dims() else { bail!("latents must be (channels, h, w)") };
        let context = self.photos[0].conditioning.token_count()?;
        let mut dropout_masks = BTreeMap::new();
        for layer in &self.layers {
            let tokens = layer.tokens.count((*height, *width), context);
            let masks = samples
                .iter()
                .map(|sample| {
                    let seed = sample.stream(&format!("dropout/{}", layer.name));
                    dropout::mask(tokens, layer.in_features, self.config.dropout, seed)
                })
                .collect::<Result<Vec<_>>>()?;
            dropout_masks.insert(layer.name.clone(), Tensor::cat(&masks, 0)?.to_device(&self.device)?);
        }
        Ok(Batch {
            latents: collect(&|sample| sample.latents(self.config.latents))?,
            noise: collect(&|sample| TorchRng::new(sample.stream("noise")).randn_tensor(sample.item().mean.dims()))?,
            times: samples.iter().map(|sample| self.process.draw_time(sample.stream("timestep"))).collect(),
            conditioning: self.conditioning(&samples)?,
            photos: self.config.batch_size,
            dropout_masks,
        })
    }

    fn conditioning(&self, samples: &[Sample<'_>]) -> Result<Conditioning> {
        let each = samples.iter().map(|sample| sample.item().conditioning.to_device(&Device::Cpu));
        Conditioning::stack(&each.collect::<Result<Vec<_>>>()?)?.to_device(&self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Role, Tokens};
    use crate::sampling::schedule::{NoiseSchedule, ScheduleSettings};
    use candle_core::DType;

    fn item(value: f32, std: f32) -> TrainingItem {
        let full = |v: f32| Tensor::full(v, (4, 4, 4), &Device::Cpu).unwrap();
        TrainingItem {
            mean: full(value),
            std: full(std),
            conditioning: Tensor::full(value, (1, 3, 2), &Device::Cpu).unwrap().into(),
        }
    }

    fn process() -> Process {
        Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap())
    }

    fn source(batch_size: usize, gradient_accumulation: usize, class_images: usize) -> BatchSource {
        let config =
            BatchConfig { batch_size, gradient_accumulation, dropout: 0.5, latents: LatentScale::new(2.0), seed: 7 };
        let photos = (0..5).map(|i| item(i as f32, 0.0)).collect();
        let class_images = (0..class_images).map(|i| item(100.0 + i as f32, 1.0)).collect();
        let layer = |name: &str, tokens| AdaptableLayer {
            name: name.into(),
            in_features: 6,
            out_features: 6,
            window: None,
            tokens,
            role: Role::Attention,
        };
        let layers = vec![layer("a.to_q", Tokens::Grid(1)), layer("b.to_k", Tokens::Context)];
        BatchSource::new(config, &process(), photos, class_images, layers, &Device::Cpu).unwrap()
    }

    fn bits(tensor: &Tensor) -> Vec<f32> {
        tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn every_photo_is_seen_once_an_epoch() {
        let source = source(2, 1, 0);
        let mut seen = Vec::new();
        for step in 0..25 {
            let batch = &source.batches(step).unwrap()[0];
            assert_eq!((batch.len(), batch.photos), (2, 2));
            seen.extend(bits(&batch.latents).chunks(64).map(|sample| (sample[0] / 2.0) as usize));
        }
        let epochs: Vec<_> = seen.chunks(5).map(<[_]>::to_vec).collect();
        for epoch in &epochs {
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert!(epochs.windows(2).any(|pair| pair[0] != pair[1]), "epochs are shuffled");
        assert_eq!((0..6).map(|step| source.epoch(step)).collect::<Vec<_>>(), [1, 1, 2, 2, 2, 3]);
    }

    #[test]
    fn accumulated_passes_are_the_samples_of_one_large_pass() {
        for class_images in [0, 3] {
            let (small, large) = (source(1, 4, class_images), source(4, 1, class_images));
            for step in [0, 1, 9] {
                let (small, large) = (small.batches(step).unwrap(), &large.batches(step).unwrap()[0]);
                for (place, one) in small.iter().enumerate() {
                    assert_eq!(one.times[0], large.times[place]);
                    let mask = "b.to_k";
                    for (one, all) in [
                        (&one.latents, &large.latents),
                        (&one.noise, &large.noise),
                        (&one.conditioning.tokens, &large.conditioning.tokens),
                        (&one.dropout_masks[mask], &large.dropout_masks[mask]),
                    ] {
                        let mut places = vec![place];
                        places.extend((class_images > 0).then_some(4 + place));
                        for (own, place) in places.into_iter().enumerate() {
                            assert_eq!(bits(&one.get(own).unwrap()), bits(&all.get(place).unwrap()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn class_images_follow_the_photos() {
        let batch = source(2, 1, 3).batches(4).unwrap().remove(0);
        assert_eq!((batch.len(), batch.photos), (4, 2));
        let context = bits(&batch.conditioning.tokens);
        assert!(context[..12].iter().all(|x| *x < 100.0) && context[12..].iter().all(|x| *x >= 100.0));
        // In this test the posterior of the photos has no spread, and that of the class images has one.
        let latents = bits(&batch.latents);
        assert!(latents[..64].iter().all(|x| *x == latents[0]));
        assert!(latents[128..192].iter().any(|x| *x != latents[128]));
        assert_eq!(batch.dropout_masks["a.to_q"].dims(), [4, 4, 6]);
        assert_eq!(batch.dropout_masks["b.to_k"].dims(), [4, 3, 6]);
    }

    #[test]
    fn timesteps_are_uniform_and_all_noise_differs() {
        let source = source(4, 1, 4);
        let mut counts = [0; 10];
        let mut noises = std::collections::BTreeSet::new();
        for step in 0..250 {
            let batch = source.batches(step).unwrap().remove(0);
            batch.times.iter().for_each(|t| counts[*t as usize / 100] += 1);
            noises.extend(bits(&batch.noise).chunks(64).map(|sample| sample[0].to_bits()));
        }
        assert!(counts.iter().all(|n| (140..=260).contains(n)), "{counts:?}");
        assert!(noises.len() > 1990);
    }

    #[test]
    fn impossible_requests_are_errors() {
        let good = source(1, 1, 0).config;
        let new = |config, photos| BatchSource::new(config, &process(), photos, vec![], vec![], &Device::Cpu).map(drop);
        assert!(new(good, vec![item(0.0, 0.0)]).is_ok());
        assert!(new(good, vec![]).is_err());
        assert!(new(BatchConfig { batch_size: 0, ..good }, vec![item(0.0, 0.0)]).is_err());
        assert!(new(BatchConfig { dropout: 1.0, ..good }, vec![item(0.0, 0.0)]).is_err());
        let short = Tensor::zeros((1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let small = TrainingItem { conditioning: short.into(), ..item(0., 0.) };
        assert!(new(good, vec![item(0.0, 0.0), small]).is_err());
    }
}
