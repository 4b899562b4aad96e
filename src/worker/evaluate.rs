//! Measurements on what the other stages made; needs no model. What is measured stands in [`crate::measures::table`].

use super::{
    context::Context,
    error::{StageError, failed},
    images, png,
};
use crate::{
    measures::{Cell, Evaluation, ImagePair, Losses, Thumbnail, record},
    records::{
        images::Group,
        photos::crop_file,
        rows::{self, ProbeRow, Row, Split},
    },
    stage::{Evaluate, Stage},
    store::Artifact,
};

/// Measures one cell.
pub(super) fn run(wanted: &Evaluate, ctx: &Context<'_>) -> Result<(), StageError> {
    let prepared = ctx.need(Stage::Prepare)?;
    let photos = thumbnails(prepared, &wanted.photos)?;
    let held_out = thumbnails(prepared, &wanted.held_out)?;
    let generated = ctx.need(Stage::Generate)?;
    let baseline = ctx.need_of(Stage::Baseline, &wanted.baseline)?;
    let list = images::read(generated)?;
    let total = list.images.len() as u64;

    let (mut evaluation, mut done) = (Evaluation::default(), 0);
    for prompt in list.images.chunk_by(|a, b| (a.group, a.prompt_index) == (b.group, b.prompt_index)) {
        let of_subject = prompt[0].group == Group::Prompt;
        let mut pairs = Vec::with_capacity(prompt.len());
        for entry in prompt {
            ctx.progress((done, total), "images", String::new());
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
    let rows: Vec<ProbeRow> = rows::read(&ctx.need(Stage::Train)?.read(ProbeRow::FILE)?).map_err(failed)?;
    let cell = Cell {
        photos: &photos,
        held_out: &held_out,
        train: losses(&rows, Split::Train, wanted.checkpoint),
        unseen: losses(&rows, Split::HeldOut, wanted.checkpoint),
        class: losses(&rows, Split::Class, wanted.checkpoint),
        ..Cell::default()
    };
    ctx.write_json(record::FILE, &evaluation.finish(cell))
}

fn thumbnails(prepared: &Artifact, hashes: &[String]) -> Result<Vec<Thumbnail>, StageError> {
    let photo = |hash: &String| png::read(prepared, &crop_file(hash));
    hashes.iter().map(|hash| Ok(Thumbnail::new(&photo(hash)?))).collect()
}

/// The losses of the training on one kind of images: the first one, and the one after the checkpoint (`None` is the
/// last step). There is none where nothing was measured after the checkpoint.
fn losses(rows: &[ProbeRow], split: Split, checkpoint: Option<usize>) -> Losses {
    let of_split: Vec<&ProbeRow> = rows.iter().filter(|row| row.split == split).collect();
    let after = match checkpoint {
        None => of_split.last(),
        Some(step) => of_split.iter().find(|row| usize::try_from(row.step) == Ok(step)),
    };
    Losses { base: of_split.first().map(|row| row.loss), after: after.map(|row| row.loss) }
}
