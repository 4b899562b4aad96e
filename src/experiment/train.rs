//! `[train]`: the fine-tuning.
//!
//! `steps` or `epochs`: one layer may hold only one of them, and the higher layer decides.
//! An epoch is one pass over the training photos, even with prior preservation. (The script of diffusers passes over
//! the class images, so its epochs depend on their number.)
//! `steps = ⌈epochs · size / (batch_size · gradient_accumulation)⌉`.

use super::bounds::{Bounds, MAX_SEED};
use super::optimizer::{self, OptimizerRecipe};
use super::prior_preservation::{self, PriorPreservation};
use super::problem::Problem;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;
use crate::choice::{AdapterKind, LrScheduler, Optimizer, Scaling, Targets};

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

/// The learning rate of the text encoders: `Some(None)` if they are not trained.
fn text_encoder_rate(reader: &mut Reader<'_>, trained: Option<bool>, other: Option<f64>) -> Option<Option<f64>> {
    const KEY: &str = "train.text_encoder_learning_rate";
    let given = match reader.entry(KEY) {
        Some(_) => Some(reader.number(KEY, Bounds::above_to(0.0, 1.0))?),
        None => None,
    };
    if !trained? {
        if given.is_some() {
            let problem = Problem::warning(reader.place(KEY), format!("`{KEY}` has no effect"));
            reader.push(problem.help("`train.text_encoder = true` trains the text encoders"));
        }
        return Some(None);
    }
    Some(Some(given.or(other)?))
}

/// `None` if the optimizer or the adapter cannot have different learning rates.
fn check_rates(
    reader: &mut Reader<'_>,
    optimizer: Option<&OptimizerRecipe>,
    adapter: Option<AdapterKind>,
    rate: Option<f64>,
    text: Option<f64>,
) -> Option<()> {
    const RATIO: &str = "train.optimizer.lora_plus_ratio";
    let optimizer = optimizer?;
    let adapter = adapter?;
    if let Some(ratio) = optimizer.lora_plus_ratio
        && matches!(adapter, AdapterKind::Loha | AdapterKind::Lokr)
    {
        let message = format!("`{RATIO}` cannot be {ratio} with `adapter = \"{adapter}\"`");
        reader.push(Problem::error(reader.place(RATIO), message).expected("1: LoRA+ is about the B matrix of a LoRA"));
        return None;
    }
    if optimizer.name != Optimizer::Prodigy {
        return Some(());
    }
    for (key, given) in [
        (RATIO, optimizer.lora_plus_ratio.is_some()),
        ("train.text_encoder_learning_rate", text.is_some() && text != rate),
    ] {
        if given {
            let message = format!("`{key}` and `optimizer.name = \"prodigy\"` do not go together");
            let problem = Problem::error(reader.place(key), message);
            reader.push(problem.expected("one learning rate: Prodigy estimates one step size for all weights"));
            return None;
        }
    }
    if rate.is_some_and(|rate| rate < 0.1) {
        let key = "train.learning_rate";
        let message = format!("`{key}` multiplies the step size that Prodigy estimates; it is small");
        reader.push(Problem::warning(reader.place(key), message).help("1.0 is usual with Prodigy"));
    }
    Some(())
}

/// `None` if the adapter has no dropout and the file asks for it.
fn refuse_dropout(reader: &mut Reader<'_>, adapter: Option<AdapterKind>, dropout: Option<f64>) -> Option<()> {
    let (Some(kind @ (AdapterKind::Loha | AdapterKind::Lokr)), Some(dropout)) = (adapter, dropout) else {
        return Some(());
    };
    if dropout == 0.0 {
        return Some(());
    }
    let message = format!("`train.dropout` cannot be {dropout} with `adapter = \"{kind}\"`");
    let problem = Problem::error(reader.place("train.dropout"), message);
    let expected = format!("0: neither peft nor LyCORIS has this dropout for a {}", kind.title());
    reader.push(problem.expected(expected));
    None
}

fn warn_of_long_warmup(
    reader: &mut Reader<'_>,
    steps: Option<usize>,
    warmup: Option<usize>,
    scheduler: Option<LrScheduler>,
) {
    let (Some(steps), Some(warmup), Some(scheduler)) = (steps, warmup, scheduler) else { return };
    let place = reader.place("train.lr_warmup_steps");
    if scheduler == LrScheduler::Constant && warmup > 0 {
        let message = "`train.lr_warmup_steps` has no effect with `lr_scheduler = \"constant\"`";
        reader.push(Problem::warning(place, message).suggestion(Some("constant-with-warmup".to_owned())));
    } else if scheduler != LrScheduler::Constant && warmup >= steps {
        let message = "the warm-up is as long as the training: the learning rate never reaches its peak";
        reader.push(Problem::warning(place, message).help("lower `train.lr_warmup_steps`"));
    }
}
