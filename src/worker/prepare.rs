//! Photos → square crops and latents. Shared by every cell that uses the same photos.

use super::{context::Context, error::StageError, error::failed, latents::Latents, latents::mirror_image, png};
use crate::models::Model;
use crate::photos::{self, Photo, Scan};
use crate::records::photos::{FILE, PhotoEntry, PhotoList, SkippedEntry, crop_file, mask_file, short};
use crate::stage::Prepare;

/// Decodes and crops every photo first, then encodes them one by one.
pub(super) fn run(model: &Model, wanted: &Prepare, scan: &Scan, ctx: &Context<'_>) -> Result<(), StageError> {
    let dataset = &wanted.dataset;
    let cut = dataset.cut();
    let total = scan.photos.len() as u64;
    let progress = |done: usize, detail: &str| {
        ctx.progress((done as u64, total), "photos", detail.to_owned());
    };
    let mut images = Vec::with_capacity(scan.photos.len());
    for photo in &scan.photos {
        let image = photos::load(photo, &cut).map_err(failed)?;
        let bytes = png::encode(&image)?;
        ctx.workspace.write(&crop_file(&photo.hash), &bytes)?;
        images.push(image);
        if let Some(mask) = scan.masks.get(&photo.hash) {
            let mask = photos::load_mask(mask, photo, &cut);
            ctx.workspace.write(&mask_file(&photo.hash), &png::encode(&mask.map_err(failed)?)?)?;
        }
        ctx.stop_here()?;
    }
    let mut latents = Latents::default();
    for (index, (photo, image)) in scan.photos.iter().zip(&images).enumerate() {
        progress(index, &photo.name);
        latents.add(model, short(&photo.hash), image)?;
        if dataset.random_flip {
            latents.add(model, &mirror_image(&photo.hash), &image::imageops::flip_horizontal(image))?;
        }
        ctx.warn(model.vae.news());
        ctx.stop_here()?;
    }
    progress(images.len(), "");
    latents.write(ctx)?;
    let corner = |photo: &Photo| photos::corner(photo, &cut);
    ctx.write_json(FILE, &list(wanted, scan, |photo| model.denoiser.is_told_sizes().then(|| corner(photo))))
}

fn list(wanted: &Prepare, scan: &Scan, corner: impl Fn(&Photo) -> Option<[usize; 2]>) -> PhotoList {
    let photos = scan.photos.iter().map(|photo| PhotoEntry {
        hash: photo.hash.clone(),
        name: photo.name.clone(),
        width: photo.width,
        height: photo.height,
        caption: wanted.captions.get(&photo.hash).cloned(),
        mask: scan.masks.get(&photo.hash).map(|mask| mask.hash.clone()),
        crop: corner(photo),
    });
    let skipped = scan
        .skipped
        .iter()
        .map(|skipped| SkippedEntry { path: skipped.path.display().to_string(), reason: skipped.reason.clone() });
    PhotoList { photos: photos.collect(), skipped: skipped.collect() }
}
