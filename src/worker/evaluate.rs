//! Measurements on what the other stages made; needs no model.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::{
    Context, StageError,
    help::{failed, need},
    images::{Group, ImageEntry, ImageList},
    png,
    prepare::short,
    probe::{self, ProbeRow, Split},
};
use crate::{
    measures::{self, Mirrors, Thumbnail},
    plan::Job,
    stage::Stage,
    store::Artifact,
};

/// `metrics.json` of the artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// One entry a generated image, in the order of `images.json`.
    pub images: Vec<ImageMetrics>,
    /// The cell in numbers.
    pub summary: Summary,
}

/// What is measured on one generated image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageMetrics {
    /// Path inside the `generate` artifact.
    pub file: String,
    /// The whole prompt.
    pub prompt: String,
    /// Seed of the starting noise.
    pub seed: u64,
    /// What the image is for.
    pub group: Group,
    /// The most similar training photo (first 16 characters of its hash).
    pub nearest_photo: Option<String>,
    /// Zero-mean normalised cross-correlation with that photo, −1 to 1.
    pub nearest_similarity: Option<f64>,
    /// What the base model's image on the same noise reaches: only a rise above it can be copying.
    pub baseline_nearest_similarity: Option<f64>,
    /// Root mean square difference to the base model's image on the same noise, 0 to 1.
    pub baseline_rmse: f64,
    /// Structural similarity with the base model's image on the same noise, up to 1.
    pub baseline_ssim: f64,
}

/// A cell in numbers. `None` where there is nothing to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Denoising loss on training photos after training.
    pub probe_train: Option<f64>,
    /// Denoising loss on held-out photos after training.
    pub probe_held_out: Option<f64>,
    /// Denoising loss on class images after training.
    pub probe_class: Option<f64>,
    /// Denoising loss of the base model on the training photos.
    pub baseline_probe_train: Option<f64>,
    /// Denoising loss of the base model on the held-out photos.
    pub baseline_probe_held_out: Option<f64>,
    /// Denoising loss of the base model on the class images.
    pub baseline_probe_class: Option<f64>,
    /// Mean RMS difference to the baseline on drift prompts, 0 to 1.
    pub drift_rmse: Option<f64>,
    /// Mean over prompt images of the similarity to the nearest training photo.
    pub mean_nearest_similarity: Option<f64>,
    /// Largest such similarity.
    pub max_nearest_similarity: Option<f64>,
    /// The same mean for the base model's images on the same noise.
    pub baseline_nearest_similarity: Option<f64>,
    /// Mean RMS difference to the baseline on the study's prompts, 0 to 1.
    pub mean_baseline_rmse: Option<f64>,
    /// The ceiling: mean over training photos of the similarity to the nearest *other* training photo.
    pub photo_similarity: Option<f64>,
    /// The fairer ceiling: mean over held-out photos of the similarity to the nearest training photo.
    pub held_out_similarity: Option<f64>,
}

/// Measures one cell.
pub(super) fn run(job: &Job, ctx: &Context<'_>) -> Result<(), StageError> {
    let prepared = need(ctx, Stage::Prepare)?;
    let photos = thumbnails(prepared, &job.photos.train)?;
    let held_out = thumbnails(prepared, &job.photos.held_out)?;
    let generated = need(ctx, Stage::Generate)?;
    let baseline = need(ctx, Stage::Baseline)?;
    let list = ImageList::read(generated)?;
    let total = list.images.len() as u64;

    let mut images = Vec::with_capacity(list.images.len());
    for entry in &list.images {
        let progress = (images.len() as u64, total);
        ctx.progress(progress, "images", String::new());
        images.push(measure(entry, generated, baseline, &photos, &job.photos.train)?);
        if ctx.stop.is_set() {
            return Err(StageError::Stopped);
        }
    }
    let probes = probe::read(need(ctx, Stage::Train)?)?;
    let summary = summarise(&images, &probes, &photos, &held_out);
    ctx.write_json("metrics.json", &Metrics { images, summary })
}

fn thumbnails(prepared: &Artifact, hashes: &[String]) -> Result<Vec<Thumbnail>, StageError> {
    let mut thumbnails = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let photo = png::read(prepared, &format!("photos/{}.png", short(hash)))?;
        thumbnails.push(Thumbnail::new(view(&photo)?));
    }
    Ok(thumbnails)
}

fn view(image: &RgbImage) -> Result<measures::Image<'_>, StageError> {
    measures::Image::try_from(image).map_err(failed)
}

fn measure(
    entry: &ImageEntry,
    generated: &Artifact,
    baseline: &Artifact,
    photos: &[Thumbnail],
    hashes: &[String],
) -> Result<ImageMetrics, StageError> {
    let (image, base) = (png::read(generated, &entry.file)?, png::read(baseline, &entry.file)?);
    let (image, base) = (view(&image)?, view(&base)?);
    // Only the study's prompts ask for the subject: a class prompt that shows a photo is drift, not copying.
    let nearest_to = |image| match entry.group {
        Group::Prompt => measures::nearest(&Thumbnail::new(image), photos, Mirrors::Ignored),
        _ => None,
    };
    let nearest = nearest_to(image);
    Ok(ImageMetrics {
        file: entry.file.clone(),
        prompt: entry.prompt.clone(),
        seed: entry.seed,
        group: entry.group,
        nearest_photo: nearest.and_then(|(index, _)| hashes.get(index)).map(|hash| short(hash).to_owned()),
        nearest_similarity: nearest.map(|(_, similarity)| similarity),
        baseline_nearest_similarity: nearest_to(base).map(|(_, similarity)| similarity),
        baseline_rmse: measures::rmse(image, base).map_err(failed)?,
        baseline_ssim: measures::ssim(image, base).map_err(failed)?,
    })
}

fn summarise(images: &[ImageMetrics], probes: &[ProbeRow], photos: &[Thumbnail], held_out: &[Thumbnail]) -> Summary {
    let of = |group: Group| images.iter().filter(move |image| image.group == group);
    let similarities: Vec<f64> = of(Group::Prompt).filter_map(|image| image.nearest_similarity).collect();
    let first = |split| probes.iter().find(|row| row.split == split).map(|row| row.loss);
    let last = |split| probes.iter().rfind(|row| row.split == split).map(|row| row.loss);
    let held_out: Vec<f64> = held_out
        .iter()
        .filter_map(|photo| measures::nearest(photo, photos, Mirrors::Ignored))
        .map(|(_, similarity)| similarity)
        .collect();
    Summary {
        probe_train: last(Split::Train),
        probe_held_out: last(Split::HeldOut),
        probe_class: last(Split::Class),
        baseline_probe_train: first(Split::Train),
        baseline_probe_held_out: first(Split::HeldOut),
        baseline_probe_class: first(Split::Class),
        drift_rmse: mean(of(Group::Drift).map(|image| image.baseline_rmse)),
        mean_nearest_similarity: mean(similarities.iter().copied()),
        baseline_nearest_similarity: mean(of(Group::Prompt).filter_map(|image| image.baseline_nearest_similarity)),
        max_nearest_similarity: similarities.iter().copied().reduce(f64::max),
        mean_baseline_rmse: mean(of(Group::Prompt).map(|image| image.baseline_rmse)),
        photo_similarity: mean(measures::leave_one_out(photos, Mirrors::Ignored).into_iter()),
        held_out_similarity: mean(held_out.into_iter()),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(group: Group, similarity: Option<f64>, rmse: f64) -> ImageMetrics {
        ImageMetrics {
            file: String::new(),
            prompt: String::new(),
            seed: 0,
            group,
            nearest_photo: None,
            nearest_similarity: similarity,
            baseline_nearest_similarity: similarity.map(|s| s - 0.25),
            baseline_rmse: rmse,
            baseline_ssim: 0.0,
        }
    }

    #[test]
    fn a_summary_keeps_groups_and_moments_apart() {
        let images = [
            image(Group::Prompt, Some(0.5), 0.2),
            image(Group::Prompt, Some(0.7), 0.4),
            image(Group::Drift, None, 0.1),
        ];
        let row = |step, split, loss| ProbeRow { step, split, loss };
        let probes = [
            row(0, Split::Train, 0.9),
            row(0, Split::HeldOut, 0.8),
            row(9, Split::Train, 0.3),
            row(9, Split::HeldOut, 0.7),
        ];
        let summary = summarise(&images, &probes, &[], &[]);
        assert_eq!(summary.mean_nearest_similarity, Some(0.6));
        assert_eq!(summary.max_nearest_similarity, Some(0.7));
        assert!((summary.baseline_nearest_similarity.unwrap() - 0.35).abs() < 1e-12);
        assert!((summary.mean_baseline_rmse.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(summary.drift_rmse, Some(0.1));
        assert_eq!((summary.baseline_probe_train, summary.probe_train), (Some(0.9), Some(0.3)));
        assert_eq!((summary.baseline_probe_held_out, summary.probe_held_out), (Some(0.8), Some(0.7)));
        assert_eq!((summary.probe_class, summary.photo_similarity, summary.held_out_similarity), (None, None, None));
    }
}
