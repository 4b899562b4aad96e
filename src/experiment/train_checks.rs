//! Settings of `[train]` that do not go together.

use super::bounds::Bounds;
use super::optimizer::OptimizerRecipe;
use super::problem::Problem;
use super::reader::Reader;
use crate::choice::{AdapterKind, LrScheduler, Optimizer};

/// The factor of a LoKr's sizes: `Some(None)` if the file gives none, or another kind of adapter is trained.
pub(super) fn lokr_factor(reader: &mut Reader<'_>, adapter: Option<AdapterKind>) -> Option<Option<usize>> {
    const KEY: &str = "train.lokr_factor";
    if reader.entry(KEY).is_none() {
        return Some(None);
    }
    let factor = reader.count(KEY, 1..=65_536)?;
    if adapter? == AdapterKind::Lokr {
        return Some(Some(factor));
    }
    let problem = Problem::warning(reader.place(KEY), format!("`{KEY}` has no effect"));
    reader.push(problem.help("`train.adapter = \"lokr\"` trains factors of a Kronecker product"));
    Some(None)
}

/// The learning rate of the text encoders: `Some(None)` if they are not trained.
pub(super) fn text_encoder_rate(
    reader: &mut Reader<'_>,
    trained: Option<bool>,
    other: Option<f64>,
) -> Option<Option<f64>> {
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
pub(super) fn check_rates(
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
pub(super) fn refuse_dropout(
    reader: &mut Reader<'_>,
    adapter: Option<AdapterKind>,
    dropout: Option<f64>,
) -> Option<()> {
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

/// Warns of a warm-up that has no effect, or never ends.
pub(super) fn warn_of_long_warmup(
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
