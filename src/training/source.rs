//! The batches of a training: latents, noise, times, conditions and dropout masks of each step.

use super::batch::{Batch, Preserved};
use super::batch_config::BatchConfig;
use super::dropout;
use super::material::{ClassMaterial, Material};
use super::order::Order;
use super::prompt::Prompt;
use super::sample::{Sample, TrainingItem};
use crate::models::AdaptableLayer;
use crate::sampling::process::Process;
use candle_core::{Device, Result, Tensor, bail};
use std::collections::BTreeMap;

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
                sample.prompt = empty.with_sizes(own.sizes());
            }
            samples.push(sample);
        }
        match &self.material.class {
            ClassMaterial::None => {}
            // As in `train_dreambooth_lora_sdxl.py`, a class image is told the sizes of the photo beside it: what tells
            // photos and class images apart is then the prompt alone.
            ClassMaterial::Images(images) => {
                let told: Vec<Prompt> = samples.iter().map(Sample::told).collect();
                let beside = self.images.beside(&self.photos, pass);
                samples.extend(beside.into_iter().zip(told).map(|(place, photo)| {
                    let item = &images[place.item];
                    let prompt = item.conditioning.with_sizes(photo.sizes());
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
        let each = samples.iter().map(|sample| sample.told().to_device(&Device::Cpu)).collect::<Result<Vec<_>>>()?;
        Prompt::stack(&each.iter().collect::<Vec<_>>())?.to_device(&self.device)
    }
}
