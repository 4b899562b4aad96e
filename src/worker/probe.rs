//! The denoising loss of each photo at each timestep, under several words. A stopped job goes on where it was.

use std::time::{Duration, Instant};

use super::{adapter, context::Context, error::StageError, error::failed, latents, origins::Origins, prompts::Prompts};
use crate::experiment::settings::Subject;
use crate::models::{LoraSet, Model};
use crate::records::photos::short;
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::{self, Row, Split};
use crate::stage::{Probe, Stage, with_class_word, with_name};
use crate::training::{ProbeSet, TrainingItem, probe_values};

/// The values so far.
const CHECKPOINT: &str = "checkpoint/probe_values.csv";
/// The values so far are written down when they have cost this much time.
const OFTEN: Duration = Duration::from_secs(20);

/// One photo under one of the words.
struct Question<'a> {
    words: Words,
    split: Split,
    hash: &'a str,
    set: ProbeSet,
}

/// Measures the base model or a cell's adapter.
pub(super) fn run(model: &Model, wanted: &Probe, ctx: &Context<'_>) -> Result<(), StageError> {
    let lora = match wanted.generate {
        None => LoraSet::empty(),
        Some(used) => adapter::read(model, ctx.need(Stage::Train)?, used.checkpoint, used.lora_scale)?,
    };
    let questions = questions(model, &lora, wanted, ctx)?;
    let mut rows = resume(&questions, ctx)?;
    // Each question has a value for each timestep.
    let done = rows.len() / wanted.evaluate.probe_timesteps;
    rows.truncate(done * wanted.evaluate.probe_timesteps);
    let mut written = Instant::now();
    for (index, question) in questions.iter().enumerate().skip(done) {
        ctx.progress((index as u64, questions.len() as u64), "probes", String::new());
        if ctx.stop.is_set() || written.elapsed() > OFTEN {
            ctx.workspace.write(CHECKPOINT, &rows::write(&rows).map_err(failed)?)?;
            ctx.stop_here()?;
            written = Instant::now();
        }
        let Question { set, .. } = question;
        let batch_size = wanted.hints.batch_size;
        let values = probe_values(&model.denoiser, &model.process, set, &lora, batch_size, &model.device)?;
        rows.extend(set.times().iter().zip(values).map(|(time, loss)| row(question, *time, loss)));
    }
    ctx.progress((questions.len() as u64, questions.len() as u64), "probes", String::new());
    Ok(ctx.workspace.write(ProbeValueRow::FILE, &rows::write(&rows).map_err(failed)?)?)
}

/// Every question, in the order of the file.
fn questions<'a>(
    model: &Model,
    lora: &LoraSet,
    wanted: &'a Probe,
    ctx: &Context<'_>,
) -> Result<Vec<Question<'a>>, StageError> {
    let prepared = ctx.need(Stage::Prepare)?;
    let (latents, origins) = (latents::read(prepared)?, Origins::read(prepared)?);
    let mut prompts = Prompts::encoded(model, lora, wanted.clip_skip);
    let mut questions = Vec::new();
    for words in [Words::Identifier, Words::Class, Words::Name] {
        for (split, photos) in [(Split::Train, &wanted.photos), (Split::HeldOut, &wanted.held_out)] {
            let item = |hash: &String| -> Option<Result<TrainingItem, StageError>> {
                let caption = wanted.captions.as_ref().and_then(|captions| captions.get(hash));
                let prompt = prompt(caption.unwrap_or(&wanted.prompt), words, &wanted.subject)?;
                let latent = latents::of_photo(&latents, hash);
                Some(latent.and_then(|latent| prompts.item(latent, &prompt, Some(origins.of(hash)?))))
            };
            let items = photos.iter().filter_map(item).collect::<Result<Vec<_>, _>>()?;
            let scale = model.vae_config.latent_scale();
            let (times, seed) = (wanted.evaluate.probe_timesteps, wanted.evaluate.probe_seed);
            let sets = ProbeSet::new(items, times, &model.process, scale, seed);
            questions.extend(photos.iter().zip(sets.by_photo()).map(|(hash, set)| Question {
                words,
                split,
                hash,
                set,
            }));
        }
    }
    Ok(questions)
}

/// The prompt under other words; `None` if there is no such word.
fn prompt(prompt: &str, words: Words, subject: &Subject) -> Option<String> {
    match words {
        Words::Identifier => Some(prompt.to_owned()),
        Words::Class => Some(with_class_word(prompt, subject)),
        Words::Name => (!subject.name.is_empty()).then(|| with_name(prompt, subject)),
    }
}

/// The values of an earlier attempt, if they answer the first questions.
fn resume(questions: &[Question<'_>], ctx: &Context<'_>) -> Result<Vec<ProbeValueRow>, StageError> {
    let Some(bytes) = ctx.workspace.read(CHECKPOINT)? else { return Ok(Vec::new()) };
    let rows: Vec<ProbeValueRow> = rows::read(&bytes).unwrap_or_default();
    let mut wanted = questions.iter().flat_map(|q| q.set.times().iter().map(move |time| row(q, *time, 0.0)));
    let fits =
        rows.iter().all(|row| wanted.next().is_some_and(|wanted| ProbeValueRow { loss: 0.0, ..row.clone() } == wanted));
    Ok(if fits { rows } else { Vec::new() })
}

fn row(question: &Question<'_>, timestep: f32, loss: f64) -> ProbeValueRow {
    let Question { words, split, hash, .. } = *question;
    ProbeValueRow { words, split, photo: short(hash).to_owned(), timestep, loss }
}
