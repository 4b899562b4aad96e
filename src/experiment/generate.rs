//! `[generate]`: the comparison images.

use super::bounds::MAX_SEED;
use super::image_recipe::{GUIDANCE_RESCALES, GUIDANCE_SCALES, ImageRecipe, MAX_CLIP_SKIP, MAX_SAMPLER_STEPS};
use super::problem::Problem;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;
use super::train::{MAX_STEPS, Train, TrainRecipe};
use crate::choice::{Conflict, Guidance, PromptOptions, Sampling};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The LoRA scales that are accepted, in files and on the command line; beyond them images are noise.
pub const LORA_SCALES: RangeInclusive<f64> = -10.0..=10.0;

/// More seeds than this are a mistake.
const MAX_SEEDS: usize = 10_000;

/// `[generate]`: the comparison images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// What decides the images of the prompts, with and without the adapter.
    #[serde(flatten)]
    pub images: ImageRecipe,
    /// Prompts for the base model only: does it know the subject by name?
    pub baseline_prompts: Vec<String>,
    /// Multiplies the adapter at generation, 1 = as trained.
    pub lora_scale: f64,
    /// The optimizer step whose adapter is used, one that [`TrainRecipe::keep_every`] keeps; `None` for the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<usize>,
    /// Images per forward pass; changes speed and memory, never the images.
    pub batch_size: usize,
}

/// Reads and checks the section. `resolution` is that of the training and `train` the training, if they are known.
pub(super) fn read(
    reader: &mut Reader<'_>,
    subject: &Subject,
    resolution: Option<usize>,
    train: Option<&Train>,
) -> Option<Generate> {
    let sampling = sampling(reader);
    let guidance = guidance(reader);
    let negative_prompt = negative_prompt(reader, subject);
    let seeds = seeds(reader);
    let baseline_prompts = prompt::list(reader, "generate.baseline_prompts", "[]", subject);
    let prompts = prompts(reader, subject);
    let width = size(reader, "generate.width", resolution);
    let height = size(reader, "generate.height", resolution);
    let reading = reading(reader);
    let lora_scale = reader.number("generate.lora_scale", LORA_SCALES.into());
    let checkpoint = checkpoint(reader, train.map(|train| &train.recipe));
    let batch_size = reader.count("generate.batch_size", 1..=1024);
    let images = ImageRecipe {
        sampling: sampling?,
        guidance: guidance?,
        negative_prompt: negative_prompt?,
        seeds: seeds?,
        prompts: prompts?,
        width: width?,
        height: height?,
        reading: reading?,
    };
    Some(Generate {
        images,
        baseline_prompts: baseline_prompts?,
        lora_scale: lora_scale?,
        checkpoint: checkpoint?,
        batch_size: batch_size?,
    })
}

/// The sampler with all that decides its steps.
fn sampling(reader: &mut Reader<'_>) -> Option<Sampling> {
    let sampler = reader.choice("generate.sampler");
    let steps = reader.count("generate.steps", 1..=MAX_SAMPLER_STEPS);
    let timestep_spacing = reader.choice("generate.timestep_spacing");
    let sigmas = reader.choice("generate.sigmas");
    let sampling = Sampling { sampler: sampler?, steps: steps?, timestep_spacing: timestep_spacing?, sigmas: sigmas? };
    if let Err(Conflict { setting, message, help }) = sampling.check() {
        let key = format!("generate.{setting}");
        let problem = Problem::error(reader.place(&key), format!("`{key}`: {message}"));
        reader.push(problem.help(format!("{help}; in a sweep, `[[exclude]]` drops the combination")));
        return None;
    }
    Some(sampling)
}

/// How strongly the images follow the prompts.
fn guidance(reader: &mut Reader<'_>) -> Option<Guidance> {
    let scale = reader.number("generate.guidance_scale", GUIDANCE_SCALES.into());
    let key = "generate.guidance_rescale";
    let rescale = reader.number(key, GUIDANCE_RESCALES.into());
    let guidance = Guidance { scale: scale?, rescale: rescale? };
    if guidance.rescale > 0.0 && !guidance.is_on() {
        let message = format!("`{key}` changes nothing where `generate.guidance_scale` is {}", guidance.scale);
        let problem = Problem::warning(reader.place(key), message);
        reader.push(problem.help("a guidance scale above 1 switches guidance on"));
    }
    Some(guidance)
}

/// How the prompts are read.
fn reading(reader: &mut Reader<'_>) -> Option<PromptOptions> {
    let clip_skip = reader.count("generate.clip_skip", 0..=MAX_CLIP_SKIP);
    let long_prompts = reader.flag("generate.long_prompts");
    let prompt_weights = reader.flag("generate.prompt_weights");
    Some(PromptOptions { clip_skip: clip_skip?, long_prompts: long_prompts?, prompt_weights: prompt_weights? })
}

/// The step whose adapter is used, checked against what the training keeps: `Some(None)` is the last one.
fn checkpoint(reader: &mut Reader<'_>, recipe: Option<&TrainRecipe>) -> Option<Option<usize>> {
    let key = "generate.checkpoint";
    if reader.entry(key).is_none() {
        return Some(None);
    }
    let step = reader.count(key, 1..=MAX_STEPS)?;
    let recipe = recipe?;
    if step == recipe.steps {
        return Some(None);
    }
    if recipe.keeps(step) {
        return Some(Some(step));
    }
    let message = format!("`{key}` is {step}, and the training keeps no adapter of that step");
    let last = recipe.steps;
    let (expected, help) = match recipe.keep_every {
        Some(every) => (
            format!("a multiple of {every} below {last}, or {last}"),
            "`train.keep_every` says which steps are kept; another value trains again",
        ),
        None => (
            format!("{last}, the last step"),
            "set `train.keep_every` to the steps between kept adapters, or leave `generate.checkpoint` out",
        ),
    };
    reader.push(Problem::error(reader.place(key), message).expected(expected).help(help));
    None
}

fn size(reader: &mut Reader<'_>, key: &str, resolution: Option<usize>) -> Option<usize> {
    if reader.entry(key).is_some() { reader.side(key) } else { resolution }
}

fn negative_prompt(reader: &mut Reader<'_>, subject: &Subject) -> Option<String> {
    let key = "generate.negative_prompt";
    let text = reader.text(key, "\"\"")?;
    let origin = reader.entry(key)?.origin.clone();
    prompt::fill_or_empty(reader, key, &text, &origin, subject)
}

fn prompts(reader: &mut Reader<'_>, subject: &Subject) -> Option<Vec<String>> {
    let key = "generate.prompts";
    let prompts = prompt::list(reader, key, "[\"a {identifier} {class} on the beach\"]", subject)?;
    let place = reader.place(key);
    if prompts.is_empty() {
        reader.push(Problem::error(place, format!("`{key}` is empty")).expected("at least one prompt"));
        return None;
    }
    if !prompts.iter().any(|prompt| prompt.contains(&subject.identifier)) {
        let problem = Problem::warning(place, format!("no prompt of `{key}` contains the identifier"));
        reader.push(problem.help("write `{identifier}` where the subject should appear"));
    }
    Some(prompts)
}

fn seeds(reader: &mut Reader<'_>) -> Option<Vec<u64>> {
    let key = "generate.seeds";
    let seeds = reader.wholes(key)?;
    let place = reader.place(key);
    if seeds.is_empty() {
        reader
            .push(Problem::error(place, format!("`{key}` is empty")).expected("at least one seed, e.g. [0, 1, 2, 3]"));
        return None;
    }
    if seeds.len() > MAX_SEEDS {
        let message = format!("`{key}` has {} seeds", seeds.len());
        reader.push(Problem::error(place, message).expected(format!("at most {MAX_SEEDS}")));
        return None;
    }
    let mut read: Vec<u64> = Vec::new();
    let mut complete = true;
    for (seed, origin) in seeds {
        debug_assert!(seed <= MAX_SEED);
        if read.contains(&seed) {
            let problem = Problem::error(origin.value(), format!("`{key}` has {seed} twice"));
            reader.push(problem.help("the same seed gives the same image: remove one"));
            complete = false;
        }
        read.push(seed);
    }
    complete.then_some(read)
}
