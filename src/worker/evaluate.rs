//! Measurements on what the other stages made; needs no model. What is measured stands in [`crate::measures::table`].

use super::{
    Context, StageError,
    help::{failed, need},
    images::{Group, ImageList},
    png,
    prepare::short,
    probe::{self, ProbeRow, Split},
};
use crate::{
    measures::{Cell, Evaluation, ImagePair, Losses, Thumbnail, record},
    plan::Job,
    stage::Stage,
    store::Artifact,
};

/// Measures one cell.
pub(super) fn run(job: &Job, ctx: &Context<'_>) -> Result<(), StageError> {
    let prepared = need(ctx, Stage::Prepare)?;
    let photos = thumbnails(prepared, &job.photos.train)?;
    let held_out = thumbnails(prepared, &job.photos.held_out)?;
    let generated = need(ctx, Stage::Generate)?;
    let baseline = need(ctx, Stage::Baseline)?;
    let list = ImageList::read(generated)?;
    let total = list.images.len() as u64;

    let (mut evaluation, mut done) = (Evaluation::default(), 0);
    for prompt in list.images.chunk_by(|a, b| (a.group, &a.prompt) == (b.group, &b.prompt)) {
        let of_subject = prompt[0].group == Group::Prompt;
        let mut pairs = Vec::with_capacity(prompt.len());
        for entry in prompt {
            ctx.progress(Stage::Evaluate, (done, total), "images", String::new());
            let (image, base) = (png::read(generated, &entry.file)?, png::read(baseline, &entry.file)?);
            pairs.push(ImagePair::new(image, base, if of_subject { &photos } else { &[] }));
            done += 1;
            if ctx.stop.is_set() {
                return Err(StageError::Stopped);
            }
        }
        let files: Vec<&str> = prompt.iter().map(|entry| entry.file.as_str()).collect();
        evaluation.prompt(&files, &pairs, of_subject).map_err(failed)?;
    }
    let rows = probe::read(need(ctx, Stage::Train)?)?;
    let cell = Cell {
        photos: &photos,
        held_out: &held_out,
        train: losses(&rows, Split::Train),
        unseen: losses(&rows, Split::HeldOut),
        class: losses(&rows, Split::Class),
        ..Cell::default()
    };
    ctx.write_json(record::FILE, &evaluation.finish(cell))
}

fn thumbnails(prepared: &Artifact, hashes: &[String]) -> Result<Vec<Thumbnail>, StageError> {
    let photo = |hash: &String| png::read(prepared, &format!("photos/{}.png", short(hash)));
    hashes.iter().map(|hash| Ok(Thumbnail::new(&photo(hash)?))).collect()
}

/// The first and the last loss of the training on one kind of images.
fn losses(rows: &[ProbeRow], split: Split) -> Losses {
    let mut of_split = rows.iter().filter(|row| row.split == split).map(|row| row.loss);
    let base = of_split.next();
    Losses { base, after: of_split.last().or(base) }
}
