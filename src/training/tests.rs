//! Batches: what is in them, and what they do not depend on.

use super::batch::{Batch, Preserved};
use super::batch_config::BatchConfig;
use super::material::{ClassMaterial, Material};
use super::sample::{MirrorImage, TrainingItem};
use super::source::BatchSource;
use crate::models::config::LatentScale;
use crate::models::{AdaptableLayer, Role, Tokens};
use crate::sampling::process::Process;
use crate::sampling::schedule::{NoiseSchedule, ScheduleSettings};
use candle_core::{DType, Device, Tensor};

fn item(value: f32, std: f32) -> TrainingItem {
    let full = |v: f32| Tensor::full(v, (4, 4, 4), &Device::Cpu).unwrap();
    TrainingItem {
        mean: full(value),
        std: full(std),
        mirrored: None,
        conditioning: Tensor::full(value, (1, 3, 2), &Device::Cpu).unwrap().into(),
    }
}

fn process() -> Process {
    Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap())
}

fn config(batch_size: usize, gradient_accumulation: usize) -> BatchConfig {
    let (dropout, latents) = (0.5, LatentScale::new(2.0));
    let (caption_dropout, noise_offset) = (0.0, 0.0);
    BatchConfig { batch_size, gradient_accumulation, dropout, caption_dropout, noise_offset, latents, seed: 7 }
}

/// The tokens of encoded prompts.
fn tokens(batch: &Batch) -> &Tensor {
    &batch.conditioning.encoded().unwrap().tokens
}

fn source(batch_size: usize, gradient_accumulation: usize, class_images: usize) -> BatchSource {
    let config = config(batch_size, gradient_accumulation);
    let photos = (0..5).map(|i| item(i as f32, 0.0)).collect();
    let class_images = (0..class_images).map(|i| item(100.0 + i as f32, 1.0)).collect();
    let layer = |name: &str, tokens| AdaptableLayer {
        name: name.into(),
        in_features: 6,
        out_features: 6,
        window: None,
        tokens,
        role: Role::Attention,
    };
    let layers = vec![layer("a.to_q", Tokens::Grid(1)), layer("b.to_k", Tokens::Context)];
    BatchSource::new(config, &process(), Material::with_images(photos, class_images), layers, &Device::Cpu).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_photo_is_seen_once_an_epoch() {
    let source = source(2, 1, 0);
    let mut seen = Vec::new();
    for step in 0..25 {
        let batch = &source.batches(step).unwrap()[0];
        assert_eq!((batch.len(), batch.photos), (2, 2));
        seen.extend(bits(&batch.latents).chunks(64).map(|sample| (sample[0] / 2.0) as usize));
    }
    let epochs: Vec<_> = seen.chunks(5).map(<[_]>::to_vec).collect();
    for epoch in &epochs {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4]);
    }
    assert!(epochs.windows(2).any(|pair| pair[0] != pair[1]), "epochs are shuffled");
    assert_eq!((0..6).map(|step| source.epoch(step)).collect::<Vec<_>>(), [1, 1, 2, 2, 2, 3]);
}

#[test]
fn accumulated_passes_are_the_samples_of_one_large_pass() {
    for class_images in [0, 3] {
        let (small, large) = (source(1, 4, class_images), source(4, 1, class_images));
        for step in [0, 1, 9] {
            let (small, large) = (small.batches(step).unwrap(), &large.batches(step).unwrap()[0]);
            for (place, one) in small.iter().enumerate() {
                assert_eq!(one.times[0], large.times[place]);
                let mask = "b.to_k";
                for (one, all) in [
                    (&one.latents, &large.latents),
                    (&one.noise, &large.noise),
                    (tokens(one), tokens(large)),
                    (&one.dropout_masks[mask], &large.dropout_masks[mask]),
                ] {
                    let mut places = vec![place];
                    places.extend((class_images > 0).then_some(4 + place));
                    for (own, place) in places.into_iter().enumerate() {
                        assert_eq!(bits(&one.get(own).unwrap()), bits(&all.get(place).unwrap()));
                    }
                }
            }
        }
    }
}

#[test]
fn class_images_follow_the_photos() {
    let batch = source(2, 1, 3).batches(4).unwrap().remove(0);
    assert_eq!((batch.len(), batch.photos), (4, 2));
    let context = bits(tokens(&batch));
    assert!(context[..12].iter().all(|x| *x < 100.0) && context[12..].iter().all(|x| *x >= 100.0));
    // In this test the posterior of the photos has no spread, and that of the class images has one.
    let latents = bits(&batch.latents);
    assert!(latents[..64].iter().all(|x| *x == latents[0]));
    assert!(latents[128..192].iter().any(|x| *x != latents[128]));
    assert_eq!(batch.dropout_masks["a.to_q"].dims(), [4, 4, 6]);
    assert_eq!(batch.dropout_masks["b.to_k"].dims(), [4, 3, 6]);
}

#[test]
fn timesteps_are_uniform_and_all_noise_differs() {
    let source = source(4, 1, 4);
    let mut counts = [0; 10];
    let mut noises = std::collections::BTreeSet::new();
    for step in 0..250 {
        let batch = source.batches(step).unwrap().remove(0);
        batch.times.iter().for_each(|t| counts[*t as usize / 100] += 1);
        noises.extend(bits(&batch.noise).chunks(64).map(|sample| sample[0].to_bits()));
    }
    assert!(counts.iter().all(|n| (140..=260).contains(n)), "{counts:?}");
    assert!(noises.len() > 1990);
}

#[test]
fn impossible_requests_are_errors() {
    let good = config(1, 1);
    let new =
        |config, photos| BatchSource::new(config, &process(), Material::photos(photos), vec![], &Device::Cpu).map(drop);
    assert!(new(good, vec![item(0.0, 0.0)]).is_ok());
    assert!(new(good, vec![]).is_err());
    assert!(new(BatchConfig { batch_size: 0, ..good }, vec![item(0.0, 0.0)]).is_err());
    assert!(new(BatchConfig { dropout: 1.0, ..good }, vec![item(0.0, 0.0)]).is_err());
    let short = Tensor::zeros((1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    let small = TrainingItem { conditioning: short.into(), ..item(0., 0.) };
    assert!(new(good, vec![item(0.0, 0.0), small]).is_err());
}

#[test]
fn prompts_are_dropped_with_their_probability() {
    let config = BatchConfig { caption_dropout: 0.25, ..config(4, 1) };
    let photos = (1..6).map(|i| item(i as f32, 0.0)).collect();
    let empty = Tensor::zeros((1, 3, 2), DType::F32, &Device::Cpu).unwrap().into();
    let images = ClassMaterial::Images((0..3).map(|i| item(100.0 + i as f32, 0.0)).collect());
    let material = Material { photos, class: images, empty_prompt: Some(empty) };
    let source = BatchSource::new(config, &process(), material, vec![], &Device::Cpu).unwrap();
    let mut dropped = 0;
    for step in 0..250 {
        let batch = source.batches(step).unwrap().remove(0);
        let first = |values: Vec<f32>, each: usize| values.chunks(each).map(|one| one[0]).collect::<Vec<_>>();
        let (prompts, latents) = (first(bits(tokens(&batch)), 6), first(bits(&batch.latents), 64));
        for (prompt, latent) in prompts.iter().zip(latents) {
            assert!(*prompt == 0.0 || *prompt == latent / 2.0);
        }
        dropped += prompts[..4].iter().filter(|prompt| **prompt == 0.0).count();
        assert!(prompts[4..].iter().all(|prompt| *prompt >= 100.0), "class images keep their prompt");
    }
    assert!((200..300).contains(&dropped), "{dropped} of 1000");
}

#[test]
fn offset_noise_moves_whole_channels() {
    let photos = || (0..5).map(|i| item(i as f32, 0.0)).collect();
    let noise = |noise_offset: f64| {
        let config = BatchConfig { noise_offset, ..config(4, 1) };
        let source = BatchSource::new(config, &process(), Material::photos(photos()), vec![], &Device::Cpu);
        bits(&source.unwrap().batches(3).unwrap()[0].noise)
    };
    let (plain, offset, double) = (noise(0.0), noise(0.1), noise(0.2));
    for (channel, numbers) in plain.chunks(16).enumerate() {
        let moved = offset[channel * 16] - numbers[0];
        assert!(moved != 0.0);
        for (place, number) in numbers.iter().enumerate() {
            assert!((offset[channel * 16 + place] - number - moved).abs() < 1e-6);
            assert!((double[channel * 16 + place] - number - 2.0 * moved).abs() < 1e-6);
        }
    }
}

#[test]
fn half_of_the_samples_are_mirror_images() {
    let told = |left: f32| Some(Tensor::new(&[[9f32, 9., 0., left, 4., 4.]], &Device::Cpu).unwrap());
    let mirrored = MirrorImage { mean: item(-1.0, 0.0).mean, std: item(0.0, 0.0).std, sizes: told(5.0) };
    let plain = item(1.0, 0.0);
    let conditioning = plain.conditioning.with_sizes(told(0.0).as_ref());
    let photo = TrainingItem { mirrored: Some(mirrored), conditioning, ..plain };
    // A class image is told what the photo beside it is told, whatever its own sizes are.
    let image = item(100.0, 0.0);
    let image = TrainingItem { conditioning: image.conditioning.with_sizes(told(7.0).as_ref()), ..image };
    let material = Material::with_images(vec![photo.clone()], vec![image]);
    let beside = BatchSource::new(config(4, 1), &process(), material, vec![], &Device::Cpu).unwrap();
    let source =
        BatchSource::new(config(4, 1), &process(), Material::photos(vec![photo]), vec![], &Device::Cpu).unwrap();
    let of_classes = |batch: &Batch| batch.conditioning.sizes().unwrap().to_vec2::<f32>().unwrap();
    let (mut mirrored, mut differ) = (0, false);
    for step in 0..20 {
        let sizes = of_classes(&beside.batches(step).unwrap()[0]);
        assert_eq!(sizes[..4], sizes[4..], "photos first");
        differ |= sizes[..4].windows(2).any(|pair| pair[0] != pair[1]);
    }
    assert!(differ);
    for step in 0..250 {
        let batch = source.batches(step).unwrap().remove(0);
        let sizes = batch.conditioning.sizes().unwrap().to_vec2::<f32>().unwrap();
        for (sample, sizes) in bits(&batch.latents).chunks(64).zip(sizes) {
            assert_eq!(sizes[3], if sample[0] < 0.0 { 5.0 } else { 0.0 }, "the crop of what is shown");
            mirrored += usize::from(sample[0] < 0.0);
        }
    }
    assert!((420..580).contains(&mirrored), "{mirrored} of 1000");
}

#[test]
fn the_class_is_shown_the_photos_themselves_where_its_output_is_kept() {
    let photos: Vec<TrainingItem> = (1..6).map(|i| item(i as f32, 1.0)).collect();
    let prompts =
        photos.iter().map(|photo| item(photo.mean.max_all().unwrap().to_scalar::<f32>().unwrap() + 50.0, 0.0));
    let class = ClassMaterial::Output(prompts.map(|item| item.conditioning).collect());
    let material = Material { photos, class, empty_prompt: None };
    let source = BatchSource::new(config(2, 1), &process(), material, vec![], &Device::Cpu).unwrap();
    let batch = source.batches(1).unwrap().remove(0);
    assert_eq!((batch.len(), batch.photos, batch.preserved), (4, 2, Preserved::Output));
    assert_eq!(batch.times[..2], batch.times[2..]);
    for tensor in [&batch.latents, &batch.noise] {
        let numbers = bits(tensor);
        assert_eq!(numbers[..128], numbers[128..]);
    }
    let prompts = bits(tokens(&batch));
    assert!(prompts[..12].iter().zip(&prompts[12..]).all(|(photo, class)| class - photo == 50.0));
}
