//! The batches of a training: latents, noise, times, conditions and dropout masks of each step.

use super::batch::{Batch, Preserved};
use super::dropout;
use super::order::Order;
use super::prompt::Prompt;
use super::sample::{Sample, TrainingItem};
use crate::experiment::settings::TrainRecipe;
use crate::models::AdaptableLayer;
use crate::models::config::LatentScale;
use crate::sampling::process::Process;
use candle_core::{Device, Result, Tensor, bail};
use std::collections::BTreeMap;

/// How batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchConfig {
    /// Photos per forward pass; with prior preservation as many samples come on top.
    pub batch_size: usize,
    /// Forward passes per optimizer step.
    pub gradient_accumulation: usize,
    /// Probability that an adapter's input is dropped, 0 to <1.
    pub dropout: f64,
    /// Probability that a photo's prompt is empty.
    pub caption_dropout: f64,
    /// Deviation of the part of the noise that is one number for each channel.
    pub noise_offset: f64,
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
            caption_dropout: recipe.caption_dropout.unwrap_or(0.0),
            noise_offset: recipe.noise_offset.unwrap_or(0.0),
            latents,
            seed: recipe.seed,
        }
    }
}

/// What a training is made of, on any device.
#[derive(Clone, Debug)]
pub struct Material {
    /// The photos.
    pub photos: Vec<TrainingItem>,
    /// What keeps the class as it is.
    pub class: ClassMaterial,
    /// The empty prompt, for photos whose prompt is dropped.
    pub empty_prompt: Option<Prompt>,
}

/// What keeps the class as it is.
#[derive(Clone, Debug)]
pub enum ClassMaterial {
    /// Nothing.
    None,
    /// Images of the class, made by the base model.
    Images(Vec<TrainingItem>),
    /// What the base model predicts for the photos with other prompts, one for each photo. A sample of it has the
    /// latents, the noise and the time of its photo.
    Output(Vec<Prompt>),
}

impl Material {
    /// Photos alone.
    #[must_use]
    pub fn photos(photos: Vec<TrainingItem>) -> Self {
        Self { photos, class: ClassMaterial::None, empty_prompt: None }
    }

    /// Photos and class images; no class images mean no prior preservation.
    #[must_use]
    pub fn with_images(photos: Vec<TrainingItem>, images: Vec<TrainingItem>) -> Self {
        let class = if images.is_empty() { ClassMaterial::None } else { ClassMaterial::Images(images) };
        Self { class, ..Self::photos(photos) }
    }

    /// Refuses what cannot be put into batches.
    fn check(&self, config: &BatchConfig) -> Result<()> {
        let (Some(first), images) = (self.photos.first(), self.images()) else {
            bail!("training needs at least one photo, a batch of one and one pass per step");
        };
        for item in self.photos.iter().chain(images) {
            let (shapes, expected) = (item.conditioning.shapes(), first.conditioning.shapes());
            if shapes != expected || item.std.dims() != item.mean.dims() {
                bail!("training items differ in shape: {shapes:?} and {expected:?}, {:?}", item.mean.dims());
            }
        }
        let shape = first.mean.dims();
        if !images.is_empty() && self.photos.iter().chain(images).any(|item| item.mean.dims() != shape) {
            bail!("class images have one shape, so photos beside them must have it, too");
        }
        match &self.class {
            ClassMaterial::Output(prompts) if prompts.len() != self.photos.len() => {
                bail!("{} photos have {} prompts for the class", self.photos.len(), prompts.len())
            }
            _ if config.caption_dropout > 0.0 && self.empty_prompt.is_none() => {
                bail!("prompts are dropped, so the empty prompt is needed")
            }
            _ => Ok(()),
        }
    }

    fn images(&self) -> &[TrainingItem] {
        if let ClassMaterial::Images(images) = &self.class { images } else { &[] }
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
    material: Material,
    photos: Order,
    images: Order,
    /// Layers that get a dropout mask.
    layers: Vec<AdaptableLayer>,
    device: Device,
}

impl BatchSource {
    /// Material on any device, batches on `device`; `layers` are those that the adapter changes.
    ///
    /// # Errors
    /// If there is no photo, a batch of nothing is asked for, or the items do not fit each other.
    pub fn new(
        config: BatchConfig,
        process: &Process,
        material: Material,
        layers: Vec<AdaptableLayer>,
        device: &Device,
    ) -> Result<Self> {
        let BatchConfig { batch_size, gradient_accumulation, dropout, seed, .. } = config;
        if batch_size == 0 || gradient_accumulation == 0 {
            bail!("training needs at least one photo, a batch of one and one pass per step");
        }
        if !(0.0..1.0).contains(&dropout) {
            bail!("dropout must be at least 0 and less than 1, not {dropout}");
        }
        material.check(&config)?;
        let order = |items: &[TrainingItem], kind| {
            Order::new(items.iter().map(|item| item.mean.dims().to_vec()).collect(), batch_size, kind, seed)
        };
        Ok(Self {
            photos: order(&material.photos, "photo"),
            images: order(material.images(), "class"),
            layers: if dropout > 0.0 { layers } else { Vec::new() },
            config,
            process: process.clone(),
            material,
            device: device.clone(),
        })
    }

    /// The batches of optimizer step `step`, counted from 0: one per forward pass.
    pub fn batches(&self, step: u64) -> Result<Vec<Batch>> {
        let passes = self.config.gradient_accumulation as u64;
        (0..passes).map(|pass| self.batch(step * passes + pass)).collect()
    }

    /// The epoch, counted from 1, in which step `step` (from 0) ends. In an epoch each photo is seen once. Class
    /// images do not change its length.
    #[must_use]
    pub fn epoch(&self, step: u64) -> u64 {
        self.photos.epoch((step + 1) * self.config.gradient_accumulation as u64 - 1)
    }

    /// The samples of a forward pass, photos first, and how many photos there are.
    fn samples(&self, pass: u64) -> (Vec<Sample<'_>>, usize) {
        let seed = self.config.seed;
        let places = self.photos.pass(pass);
        let photo = |item: usize, number, prompt: &Prompt| Sample {
            kind: "photo",
            item: &self.material.photos[item],
            prompt: prompt.clone(),
            number,
            seed,
        };
        let mut samples = Vec::new();
        for place in &places {
            let own = &self.material.photos[place.item].conditioning;
            let mut sample = photo(place.item, place.number, own);
            if let Some(empty) = &self.material.empty_prompt
                && sample.happens("caption-dropout", self.config.caption_dropout)
            {
                sample.prompt = empty.with_sizes_of(own);
            }
            samples.push(sample);
        }
        match &self.material.class {
            ClassMaterial::None => {}
            // As in `train_dreambooth_lora_sdxl.py`, a class image is told the sizes of the photo beside it: what tells
            // photos and class images apart is then the prompt alone.
            ClassMaterial::Images(images) => {
                samples.extend(self.images.pass(pass).into_iter().zip(&places).map(|(place, photo)| {
                    let (item, photo) = (&images[place.item], &self.material.photos[photo.item]);
                    let prompt = item.conditioning.with_sizes_of(&photo.conditioning);
                    Sample { kind: "class", item, prompt, number: place.number, seed }
                }))
            }
            ClassMaterial::Output(prompts) => {
                samples.extend(places.iter().map(|place| photo(place.item, place.number, &prompts[place.item])));
            }
        }
        (samples, places.len())
    }

    fn batch(&self, pass: u64) -> Result<Batch> {
        let (samples, photos) = self.samples(pass);
        let collect = |part: &dyn Fn(&Sample<'_>) -> Result<Tensor>| {
            let parts = samples.iter().map(part).collect::<Result<Vec<_>>>()?;
            Tensor::stack(&parts, 0)?.to_device(&self.device)
        };
        let [_, height, width] = samples[0].item.mean.dims() else { bail!("latents must be (channels, h, w)") };
        let context = samples[0].prompt.token_count()?;
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
            noise: collect(&|sample| sample.noise(self.config.noise_offset))?,
            times: samples.iter().map(|sample| self.process.draw_time(sample.stream("timestep"))).collect(),
            conditioning: self.prompts(&samples)?,
            photos,
            preserved: match &self.material.class {
                ClassMaterial::Output(_) => Preserved::Output,
                ClassMaterial::None | ClassMaterial::Images(_) => Preserved::Images,
            },
            dropout_masks,
        })
    }

    fn prompts(&self, samples: &[Sample<'_>]) -> Result<Prompt> {
        let each = samples.iter().map(|sample| sample.prompt.to_device(&Device::Cpu)).collect::<Result<Vec<_>>>()?;
        Prompt::stack(&each.iter().collect::<Vec<_>>())?.to_device(&self.device)
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
            mirrored: None,
            conditioning: Tensor::full(value, (1, 3, 2), &Device::Cpu).unwrap().into(),
        }
    }

    fn process() -> Process {
        Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap())
    }

    fn config(batch_size: usize, gradient_accumulation: usize) -> BatchConfig {
        let (dropout, latents) = (0.5, LatentScale::new(2.0));
        let (caption_dropout, noise_offset) = (0.0, 0.0);
        BatchConfig { batch_size, gradient_accumulation, dropout, caption_dropout, noise_offset, latents, seed: 7 }
    }

    /// The tokens of encoded prompts.
    fn tokens(batch: &Batch) -> &Tensor {
        &batch.conditioning.encoded().unwrap().tokens
    }

    fn source(batch_size: usize, gradient_accumulation: usize, class_images: usize) -> BatchSource {
        let config = config(batch_size, gradient_accumulation);
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
        BatchSource::new(config, &process(), Material::with_images(photos, class_images), layers, &Device::Cpu).unwrap()
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
                        (tokens(one), tokens(large)),
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
        let context = bits(tokens(&batch));
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
        let new = |config, photos| {
            BatchSource::new(config, &process(), Material::photos(photos), vec![], &Device::Cpu).map(drop)
        };
        assert!(new(good, vec![item(0.0, 0.0)]).is_ok());
        assert!(new(good, vec![]).is_err());
        assert!(new(BatchConfig { batch_size: 0, ..good }, vec![item(0.0, 0.0)]).is_err());
        assert!(new(BatchConfig { dropout: 1.0, ..good }, vec![item(0.0, 0.0)]).is_err());
        let short = Tensor::zeros((1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let small = TrainingItem { conditioning: short.into(), ..item(0., 0.) };
        assert!(new(good, vec![item(0.0, 0.0), small]).is_err());
    }

    #[test]
    fn prompts_are_dropped_with_their_probability() {
        let config = BatchConfig { caption_dropout: 0.25, ..config(4, 1) };
        let photos = (1..6).map(|i| item(i as f32, 0.0)).collect();
        let empty = Tensor::zeros((1, 3, 2), DType::F32, &Device::Cpu).unwrap().into();
        let images = ClassMaterial::Images((0..3).map(|i| item(100.0 + i as f32, 0.0)).collect());
        let material = Material { photos, class: images, empty_prompt: Some(empty) };
        let source = BatchSource::new(config, &process(), material, vec![], &Device::Cpu).unwrap();
        let mut dropped = 0;
        for step in 0..250 {
            let batch = source.batches(step).unwrap().remove(0);
            let first = |values: Vec<f32>, each: usize| values.chunks(each).map(|one| one[0]).collect::<Vec<_>>();
            let (prompts, latents) = (first(bits(tokens(&batch)), 6), first(bits(&batch.latents), 64));
            for (prompt, latent) in prompts.iter().zip(latents) {
                assert!(*prompt == 0.0 || *prompt == latent / 2.0);
            }
            dropped += prompts[..4].iter().filter(|prompt| **prompt == 0.0).count();
            assert!(prompts[4..].iter().all(|prompt| *prompt >= 100.0), "class images keep their prompt");
        }
        assert!((200..300).contains(&dropped), "{dropped} of 1000");
    }

    #[test]
    fn offset_noise_moves_whole_channels() {
        let photos = || (0..5).map(|i| item(i as f32, 0.0)).collect();
        let noise = |noise_offset: f64| {
            let config = BatchConfig { noise_offset, ..config(4, 1) };
            let source = BatchSource::new(config, &process(), Material::photos(photos()), vec![], &Device::Cpu);
            bits(&source.unwrap().batches(3).unwrap()[0].noise)
        };
        let (plain, offset, double) = (noise(0.0), noise(0.1), noise(0.2));
        for (channel, numbers) in plain.chunks(16).enumerate() {
            let moved = offset[channel * 16] - numbers[0];
            assert!(moved != 0.0);
            for (place, number) in numbers.iter().enumerate() {
                assert!((offset[channel * 16 + place] - number - moved).abs() < 1e-6);
                assert!((double[channel * 16 + place] - number - 2.0 * moved).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn half_of_the_samples_are_mirror_images() {
        let photo = TrainingItem { mirrored: Some((item(-1.0, 0.0).mean, item(0.0, 0.0).std)), ..item(1.0, 0.0) };
        let source =
            BatchSource::new(config(4, 1), &process(), Material::photos(vec![photo]), vec![], &Device::Cpu).unwrap();
        let signs: Vec<f32> = (0..250).flat_map(|step| bits(&source.batches(step).unwrap()[0].latents)).collect();
        let mirrored = signs.chunks(64).filter(|sample| sample[0] < 0.0).count();
        assert!((420..580).contains(&mirrored), "{mirrored} of 1000");
    }

    #[test]
    fn the_class_is_shown_the_photos_themselves_where_its_output_is_kept() {
        let photos: Vec<TrainingItem> = (1..6).map(|i| item(i as f32, 1.0)).collect();
        let prompts =
            photos.iter().map(|photo| item(photo.mean.max_all().unwrap().to_scalar::<f32>().unwrap() + 50.0, 0.0));
        let class = ClassMaterial::Output(prompts.map(|item| item.conditioning).collect());
        let material = Material { photos, class, empty_prompt: None };
        let source = BatchSource::new(config(2, 1), &process(), material, vec![], &Device::Cpu).unwrap();
        let batch = source.batches(1).unwrap().remove(0);
        assert_eq!((batch.len(), batch.photos, batch.preserved), (4, 2, Preserved::Output));
        assert_eq!(batch.times[..2], batch.times[2..]);
        for tensor in [&batch.latents, &batch.noise] {
            let numbers = bits(tensor);
            assert_eq!(numbers[..128], numbers[128..]);
        }
        let prompts = bits(tokens(&batch));
        assert!(prompts[..12].iter().zip(&prompts[12..]).all(|(photo, class)| class - photo == 50.0));
    }
}
