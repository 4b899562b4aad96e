//! `[train]`: the fine-tuning.
//!
//! `steps` or `epochs`: one layer may hold only one of them, and the higher layer decides.
//! An epoch is one pass over the training photos, even with prior preservation. (The script of diffusers passes over
//! the class images, so its epochs depend on their number.)
//! `steps = ⌈epochs · size / (batch_size · gradient_accumulation)⌉`.

use super::bounds::{Bounds, MAX_SEED};
use super::image_recipe::MAX_CLIP_SKIP;
use super::optimizer::{self, OptimizerRecipe};
use super::prior_preservation::{self, PriorPreservation};
use super::problem::Problem;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;
use super::train_checks::{check_rates, lokr_factor, refuse_dropout, text_encoder_rate, warn_of_long_warmup};
use crate::choice::{AdapterKind, LrScheduler, Scaling, Targets};

use serde::{Deserialize, Serialize};

/// `[train]`: the fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Train {
    /// What decides the trained weights.
    #[serde(flatten)]
    pub recipe: TrainRecipe,
    /// Optimizer steps between checkpoints.
    pub checkpoint_every: usize,
    /// Prior preservation; `None` when `images = 0`.
    pub prior_preservation: Option<PriorPreservation>,
}

/// The settings that decide the trained weights: all of them are in the key of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainRecipe {
    /// What the photos show, e.g. `a photo of aawxbc figurine`.
    pub instance_prompt: String,
    /// Optimizer steps (already computed if the file says `epochs`).
    pub steps: usize,
    /// Photos per forward pass (class images come on top).
    pub batch_size: usize,
    /// Forward passes per optimizer step.
    pub gradient_accumulation: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Shape of the learning rate over the steps.
    pub lr_scheduler: LrScheduler,
    /// Steps of linear warm-up (for `constant` ignored).
    pub lr_warmup_steps: usize,
    /// Restarts of `cosine-with-restarts`.
    pub lr_cycles: usize,
    /// Exponent of `polynomial`.
    pub lr_power: f64,
    /// How the adapter changes a layer.
    #[serde(default, skip_serializing_if = "AdapterKind::is_lora")]
    pub adapter: AdapterKind,
    /// Rank r of the adapter in every layer.
    pub rank: usize,
    /// Scale numerator: the update is multiplied with `alpha / rank`.
    pub alpha: f64,
    /// Dropout on the adapter's input while training, 0 to <1.
    pub dropout: f64,
    /// `[train.optimizer]`
    pub optimizer: OptimizerRecipe,
    /// Joint gradient norm is clipped to this; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// γ of the min-SNR loss weights on photos; `None` without weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snr_gamma: Option<f64>,
    /// Optimizer steps between the adapters that are kept beside the last one; `None` if only the last one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_every: Option<usize>,
    /// Which layers the adapter changes.
    #[serde(default, skip_serializing_if = "Targets::is_attention")]
    pub targets: Targets,
    /// How the adapter's strength depends on its rank.
    #[serde(default, skip_serializing_if = "Scaling::is_standard")]
    pub scaling: Scaling,
    /// The adapter changes the text encoders, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text_encoder: bool,
    /// Peak learning rate of the layers of the text encoders, if they are trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_encoder_learning_rate: Option<f64>,
    /// Deviation of the part of the noise that is one number for each channel; `None` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_offset: Option<f64>,
    /// Decay of the running mean of the weights, which is what is kept; `None`: the weights themselves are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Probability that a photo's prompt is empty; `None` if it never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption_dropout: Option<f64>,
    /// Last layers of the text encoder that are left out; `None` if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_skip: Option<usize>,
    /// What one of the factors of a LoKr's sizes should be; `None`: both as near to each other as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lokr_factor: Option<usize>,
    /// Recompute activations per block in the backward pass: less memory, more time.
    pub gradient_checkpointing: bool,
    /// Seeds adapter init, data order, noise, timesteps, dropout.
    pub seed: u64,
}

impl TrainRecipe {
    /// Whether the adapter is kept as it is after this step, and the training goes on.
    #[must_use]
    pub fn keeps(&self, step: usize) -> bool {
        step > 0 && step < self.steps && self.keep_every.is_some_and(|every| step.is_multiple_of(every))
    }

    /// The alpha that gives the adapter's strength when it is divided by the rank: what adapter files say.
    #[must_use]
    pub fn plain_alpha(&self) -> f64 {
        self.scaling.alpha(self.alpha, self.rank)
    }
}

/// More steps than this are a mistake.
pub(super) const MAX_STEPS: u64 = 10_000_000;

/// Reads and checks the section. `size` is the number of training photos, if it is known.
pub(super) fn read(reader: &mut Reader<'_>, subject: &Subject, size: Option<usize>) -> Option<Train> {
    let instance_prompt = instance_prompt(reader, subject);
    let batch_size = reader.count("train.batch_size", 1..=1024);
    let gradient_accumulation = reader.count("train.gradient_accumulation", 1..=4096);
    let samples = batch_size.zip(gradient_accumulation).map(|(batch, accumulation)| batch * accumulation);
    let steps = read_steps(reader, size, samples);
    let learning_rate = reader.number("train.learning_rate", Bounds::above_to(0.0, 1.0));
    let lr_scheduler = reader.choice("train.lr_scheduler");
    let lr_warmup_steps = reader.count("train.lr_warmup_steps", 0..=MAX_STEPS);
    let lr_cycles = reader.count("train.lr_cycles", 1..=10_000);
    let lr_power = reader.number("train.lr_power", Bounds::above_to(0.0, 100.0));
    let adapter = reader.choice("train.adapter");
    let rank = reader.count("train.rank", 1..=1024);
    let alpha = match reader.entry("train.alpha") {
        Some(_) => reader.number("train.alpha", Bounds::above_to(0.0, 10_000.0)),
        #[allow(clippy::cast_precision_loss)] // at most 1024
        None => rank.map(|rank| rank as f64),
    };
    let dropout = reader.number("train.dropout", Bounds::from_below(0.0, 1.0));
    let optimizer = optimizer::read(reader);
    let max_grad_norm = reader.number("train.max_grad_norm", Bounds::from_to(0.0, 1e6));
    let snr_gamma = reader.number("train.snr_gamma", Bounds::from_to(0.0, 1000.0));
    let targets = reader.choice("train.targets");
    let scaling = reader.choice("train.scaling");
    let text_encoder = reader.flag("train.text_encoder");
    let text_encoder_learning_rate = text_encoder_rate(reader, text_encoder, learning_rate);
    let noise_offset = reader.number("train.noise_offset", Bounds::from_to(0.0, 1.0));
    let ema_decay = reader.number("train.ema_decay", Bounds::from_below(0.0, 1.0));
    let caption_dropout = reader.number("train.caption_dropout", Bounds::from_to(0.0, 1.0));
    let clip_skip: Option<usize> = reader.count("train.clip_skip", 0..=MAX_CLIP_SKIP);
    let lokr_factor = lokr_factor(reader, adapter);
    let gradient_checkpointing = reader.flag("train.gradient_checkpointing");
    let checkpoint_every = reader.count("train.checkpoint_every", 1..=MAX_STEPS);
    let keep_every = reader.count("train.keep_every", 0..=MAX_STEPS);
    // Where no step before the last is kept, the training is the one without the setting.
    let keep_every = keep_every.zip(steps).map(|(every, steps)| (1..steps).contains(&every).then_some(every));
    let seed = reader.whole("train.seed", 0..=MAX_SEED);
    let prior_preservation = prior_preservation::read(reader, subject, instance_prompt.as_deref());
    refuse_dropout(reader, adapter, dropout)?;
    check_rates(reader, optimizer.as_ref(), adapter, learning_rate, text_encoder_learning_rate.flatten())?;
    warn_of_long_warmup(reader, steps, lr_warmup_steps, lr_scheduler);
    let recipe = TrainRecipe {
        instance_prompt: instance_prompt?,
        steps: steps?,
        batch_size: batch_size?,
        gradient_accumulation: gradient_accumulation?,
        learning_rate: learning_rate?,
        lr_scheduler: lr_scheduler?,
        lr_warmup_steps: lr_warmup_steps?,
        lr_cycles: lr_cycles?,
        lr_power: lr_power?,
        adapter: adapter?,
        rank: rank?,
        alpha: alpha?,
        dropout: dropout?,
        optimizer: optimizer?,
        max_grad_norm: max_grad_norm?,
        snr_gamma: Some(snr_gamma?).filter(|gamma| *gamma > 0.0),
        keep_every: keep_every?,
        targets: targets?,
        scaling: scaling?,
        text_encoder: text_encoder?,
        text_encoder_learning_rate: text_encoder_learning_rate?,
        noise_offset: Some(noise_offset?).filter(|offset| *offset > 0.0),
        ema_decay: Some(ema_decay?).filter(|decay| *decay > 0.0),
        caption_dropout: Some(caption_dropout?).filter(|probability| *probability > 0.0),
        clip_skip: Some(clip_skip?).filter(|skip| *skip > 0),
        lokr_factor: lokr_factor?,
        gradient_checkpointing: gradient_checkpointing?,
        seed: seed?,
    };
    Some(Train { recipe, checkpoint_every: checkpoint_every?, prior_preservation: prior_preservation? })
}

fn instance_prompt(reader: &mut Reader<'_>, subject: &Subject) -> Option<String> {
    let key = "train.instance_prompt";
    let text = reader.text(key, "\"a photo of {identifier} {class}\"")?;
    let origin = reader.entry(key)?.origin.clone();
    let prompt = prompt::fill(reader, key, &text, &origin, subject)?;
    if !prompt.contains(&subject.identifier) {
        reader.push(
            Problem::warning(origin.value(), format!("`{key}` does not contain the identifier")).help(
                "without `{identifier}` the photos change what the other words mean, and no word names the subject",
            ),
        );
    }
    Some(prompt)
}

fn read_steps(reader: &mut Reader<'_>, size: Option<usize>, samples: Option<usize>) -> Option<usize> {
    let layer = |key| reader.entry(key).map(|entry| entry.layer);
    let (steps, epochs) = (layer("train.steps"), layer("train.epochs"));
    if steps.is_some() && steps == epochs {
        let problem = Problem::error(reader.place("train.epochs"), "`train.epochs` and `train.steps` are both given");
        reader.push(problem.expected("one of them").help("remove one: an epoch is one pass over the training photos"));
        return None;
    }
    if epochs <= steps {
        return reader.count("train.steps", 1..=MAX_STEPS);
    }
    let epochs = reader.whole("train.epochs", 1..=MAX_STEPS)?;
    let photos = u64::try_from(size?).ok()?;
    let steps = epochs.saturating_mul(photos).div_ceil(u64::try_from(samples?).ok()?);
    if steps > MAX_STEPS {
        let message = format!("`train.epochs` = {epochs} would be {steps} steps");
        let problem = Problem::error(reader.place("train.epochs"), message);
        reader.push(problem.expected(format!("at most {MAX_STEPS} steps")));
        return None;
    }
    usize::try_from(steps).ok()
}
