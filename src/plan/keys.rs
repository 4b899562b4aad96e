//! Which input goes into which stage's key: all its result depends on, and nothing else.
//!
//! | input | prepare | baseline | class_images | train | generate | evaluate |
//! |---|---|---|---|---|---|---|
//! | stage version, device class | ● | ● | ● | ● | ● | ● |
//! | content of the base model, `model.dtype`, `model.low_memory` | ● | ● | ● | ● | via train | via train |
//! | photos (hashes) | all found, any order | | | training and held-out photos, in order | via train | via train |
//! | photos that earlier versions read wrongly | ● | | | ● | via train | via train |
//! | captions | ● | | | if `dataset.captions` | via train | via train |
//! | `dataset.resolution`, `dataset.crop`, `dataset.seed` if the crop is random | ● | | resolution | ● | via train | via train |
//! | `train.*` | | | | ● (1) | via train | via train |
//! | `train.prior_preservation.*` | | | all but the weight | weight, key of class_images | via train | via train |
//! | `generate.sampler`, `steps`, `guidance_scale`, `negative_prompt`, `seeds`, `prompts`, `width`, `height` | | ● | | | ● | via generate |
//! | `evaluate.drift_prompts` | | ● | | | ● | via generate |
//! | `generate.baseline_prompts` | | ● | | | | via baseline |
//! | `generate.lora_scale` | | | | | ● | via generate |
//! | `evaluate.probe_*` | | | | ● | via train | via train |
//! | names of the measures | | | | | | ● |
//! | keys of other stages | | | | class_images | train | baseline, train, generate |
//!
//! In no key: `name`, `title`, labels, `subject.*` (the filled prompts count; the identifier is in that of train,
//! because adapter files name it), names and places of photos and
//! models, `model.device` (its class counts), `dataset.size` and `dataset.held_out` (the photos themselves count),
//! `train.epochs` (the steps count), `train.checkpoint_every`, `generate.batch_size`. (1) Learning rate settings
//! that the chosen scheduler does not use are left out, too. `gradient_checkpointing` stays in: it may add the same
//! gradients in another order.
//!
//! Training reads crops and latents from `prepare`, but only those of its own photos, which its key already
//! determines: a photo that is added for one cell does not retrain the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::experiment::Settings;
use crate::experiment::settings::{Crop, Generate, LrScheduler, Train};
use crate::measures;
use crate::photos::Photo;
use crate::stage::Stage;
use crate::store::{Key, KeyInputs};

/// Bumped by hand when a stage's result changes for the same inputs: a fixed bug, another algorithm, new files.
const fn version(stage: Stage) -> u32 {
    match stage {
        Stage::Prepare | Stage::Baseline | Stage::ClassImages | Stage::Generate => 2,
        Stage::Train | Stage::Evaluate => 3,
    }
}

/// The photos of one cell.
pub(super) struct CellPhotos<'a> {
    /// All that were found.
    pub(super) all: &'a [Photo],
    /// Trained on, in order.
    pub(super) train: Vec<&'a Photo>,
    /// Held out, in order.
    pub(super) held_out: Vec<&'a Photo>,
}

/// What the keys of one cell are made of.
pub(super) struct Ingredients<'a> {
    pub(super) settings: &'a Settings,
    pub(super) photos: CellPhotos<'a>,
    pub(super) base_hash: &'a str,
    pub(super) device_class: &'a str,
}

impl Ingredients<'_> {
    /// Everything the result of `stage` depends on; `key_of` gives the key of an earlier stage of the cell.
    pub(super) fn inputs(&self, stage: Stage, key_of: &dyn Fn(Stage) -> Option<Key>) -> KeyInputs {
        let inputs = KeyInputs::new().with("version", version(stage)).with("device", self.device_class);
        let with_key = |inputs: KeyInputs, of: Stage| match key_of(of) {
            Some(key) => inputs.with(of.name(), key.as_str()),
            None => inputs,
        };
        match stage {
            Stage::Prepare => self.prepare(inputs),
            Stage::Baseline => {
                let generate = &self.settings.generate;
                let inputs = self.images(self.model(inputs));
                inputs.with("generate.baseline_prompts", generate.baseline_prompts.clone())
            }
            Stage::ClassImages => self.class_images(inputs),
            Stage::Train => with_key(self.train(inputs), Stage::ClassImages),
            Stage::Generate => {
                let inputs = self.images(inputs).with("generate.lora_scale", self.settings.generate.lora_scale);
                with_key(inputs, Stage::Train)
            }
            Stage::Evaluate => {
                // A new measure makes the numbers again: they cost little, and no model is needed.
                let measures: Vec<&str> = measures::table::all().map(|measure| measure.name).collect();
                let inputs = inputs.with("measures", measures);
                [Stage::Baseline, Stage::Train, Stage::Generate].into_iter().fold(inputs, with_key)
            }
        }
    }

    fn model(&self, inputs: KeyInputs) -> KeyInputs {
        let model = &self.settings.model;
        let inputs = inputs.with("model.base", self.base_hash).with("model.dtype", word(model.dtype));
        // Other sums of the same products.
        inputs.with("model.low_memory", model.low_memory)
    }

    fn cropping(&self, inputs: KeyInputs) -> KeyInputs {
        let dataset = &self.settings.dataset;
        let inputs = inputs.with("dataset.resolution", dataset.resolution).with("dataset.crop", word(dataset.crop));
        if dataset.crop == Crop::Random { inputs.with("dataset.seed", dataset.seed) } else { inputs }
    }

    fn prepare(&self, inputs: KeyInputs) -> KeyInputs {
        let mut hashes: Vec<&str> = self.photos.all.iter().map(|photo| photo.hash.as_str()).collect();
        hashes.sort_unstable();
        let captions = captions(self.photos.all.iter(), self.settings.dataset.captions);
        let inputs = self.cropping(self.model(inputs)).with("photos", hashes).with("captions", captions);
        reading(inputs, self.photos.all.iter())
    }

    /// The images of the prompts: with and without the adapter the same, so that they can be compared.
    fn images(&self, inputs: KeyInputs) -> KeyInputs {
        let Generate { sampler, steps, guidance_scale, negative_prompt, seeds, prompts, width, height, .. } =
            &self.settings.generate;
        inputs
            .with("generate.sampler", word(*sampler))
            .with("generate.steps", *steps)
            .with("generate.guidance_scale", *guidance_scale)
            .with("generate.negative_prompt", negative_prompt.clone())
            .with("generate.seeds", seeds.clone())
            .with("generate.prompts", prompts.clone())
            .with("generate.width", *width)
            .with("generate.height", *height)
            .with("evaluate.drift_prompts", self.settings.evaluate.drift_prompts.clone())
    }

    fn class_images(&self, inputs: KeyInputs) -> KeyInputs {
        let inputs = self.model(inputs).with("dataset.resolution", self.settings.dataset.resolution);
        match &self.settings.train.prior_preservation {
            None => inputs,
            Some(prior) => inputs
                .with("train.prior_preservation.class_prompt", prior.class_prompt.clone())
                .with("train.prior_preservation.images", prior.images)
                .with("train.prior_preservation.seed", prior.seed)
                .with("train.prior_preservation.sampler", word(prior.sampler))
                .with("train.prior_preservation.steps", prior.steps)
                .with("train.prior_preservation.guidance_scale", prior.guidance_scale),
        }
    }

    fn train(&self, inputs: KeyInputs) -> KeyInputs {
        let (train, evaluate) = (&self.settings.train, &self.settings.evaluate);
        let hashes = |photos: &[&Photo]| photos.iter().map(|photo| photo.hash.clone()).collect::<Vec<_>>();
        let mut inputs = self
            .cropping(self.model(inputs))
            .with("photos", hashes(&self.photos.train))
            .with("held_out", hashes(&self.photos.held_out))
            .with("train.instance_prompt", train.instance_prompt.clone())
            .with("subject.identifier", self.settings.subject.identifier.clone())
            .with("train.steps", train.steps)
            .with("train.batch_size", train.batch_size)
            .with("train.gradient_accumulation", train.gradient_accumulation)
            .with("train.learning_rate", train.learning_rate)
            .with("train.lr_scheduler", word(train.lr_scheduler))
            .with("train.rank", train.rank)
            .with("train.alpha", train.alpha)
            .with("train.dropout", train.dropout)
            .with("train.adam_beta1", train.adam_beta1)
            .with("train.adam_beta2", train.adam_beta2)
            .with("train.adam_epsilon", train.adam_epsilon)
            .with("train.weight_decay", train.weight_decay)
            .with("train.max_grad_norm", train.max_grad_norm)
            .with("train.gradient_checkpointing", train.gradient_checkpointing)
            .with("train.seed", train.seed)
            .with("evaluate.probe_every", evaluate.probe_every)
            .with("evaluate.probe_timesteps", evaluate.probe_timesteps)
            .with("evaluate.probe_photos", evaluate.probe_photos)
            .with("evaluate.probe_seed", evaluate.probe_seed);
        inputs = learning_rate_shape(inputs, train);
        if self.settings.dataset.captions {
            let photos = self.photos.train.iter().chain(&self.photos.held_out);
            inputs = inputs.with("captions", captions(photos.copied(), true));
        }
        inputs = reading(inputs, self.photos.train.iter().chain(&self.photos.held_out).copied());
        match &train.prior_preservation {
            None => inputs,
            Some(prior) => inputs.with("train.prior_preservation.weight", prior.weight),
        }
    }
}

/// The settings the scheduler uses.
fn learning_rate_shape(inputs: KeyInputs, train: &Train) -> KeyInputs {
    let warm = |inputs: KeyInputs| inputs.with("train.lr_warmup_steps", train.lr_warmup_steps);
    match train.lr_scheduler {
        LrScheduler::Constant => inputs,
        LrScheduler::ConstantWithWarmup | LrScheduler::Linear | LrScheduler::Cosine => warm(inputs),
        LrScheduler::CosineWithRestarts => warm(inputs).with("train.lr_cycles", train.lr_cycles),
        LrScheduler::Polynomial => warm(inputs).with("train.lr_power", train.lr_power),
    }
}

/// Captions by content hash; photos without one are left out.
fn captions<'a>(photos: impl Iterator<Item = &'a Photo>, used: bool) -> Value {
    let caption = |photo: &Photo| Some((photo.hash.clone(), Value::from(photo.caption(used)?.clone())));
    Value::Object(photos.filter_map(caption).collect::<Map<_, _>>())
}

/// Photos that earlier versions of this program read wrongly; no input if there are none.
fn reading<'a>(inputs: KeyInputs, photos: impl Iterator<Item = &'a Photo>) -> KeyInputs {
    let anew: BTreeSet<&str> = photos.filter(|photo| photo.reading > 1).map(|photo| photo.hash.as_str()).collect();
    if anew.is_empty() { inputs } else { inputs.with("photos_read_anew", anew.into_iter().collect::<Vec<_>>()) }
}

/// The word an enum is written with in an experiment file.
fn word(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
