//! Twenty training steps against peft and torch, and the laws of a training.

use runner::models::Recompute;
use runner::models::config::LatentScale;
use runner::training::{
    Batch, BatchConfig, BatchSource, Material, Preserved, ProbeSet, Trainer, TrainingItem, probe_values,
};

use super::steps::{Step, away, config, follow};
use super::*;

/// The batch of a step, two photos and two class images, each with its own sizes.
fn batch(step: usize) -> Batch {
    let seed = 100_000 + 100 * step as u64;
    let shape = [4, 4, 6, 8];
    let (mut times, mut sizes) = (runner::sampling::noise::TorchRng::new(seed + 3), Vec::new());
    let mut draws = runner::sampling::noise::TorchRng::new(seed + 5);
    for _ in 0..4 {
        sizes.push([(); 6].map(|()| draws.below(1500) as f32));
    }
    let (context, pooled) = (there(&randn(seed + 2, &[4, 7, 32])), there(&randn(seed + 4, &[4, 10])));
    Batch {
        latents: there(&(randn(seed, &shape) * 0.8).unwrap()),
        noise: there(&randn(seed + 1, &shape)),
        times: (0..4).map(|_| times.below(1000) as f32).collect(),
        conditioning: conditions(&context, &pooled, &sizes).into(),
        photos: 2,
        preserved: Preserved::Images,
        dropout_masks: BTreeMap::new(),
    }
}

#[test]
fn twenty_steps_follow_peft_and_torch() {
    let model = model();
    let expected: Vec<Step> = serde_json::from_slice(&std::fs::read(golden("training.json")).unwrap()).unwrap();
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let start = adapter(&model, 0.0);
        let begin = joined(start.variables().map(|(_, variable)| variable.as_tensor())).copy().unwrap();
        let mut trainer = Trainer::new(&model.denoiser, &model.process, config(recompute), start).unwrap();
        let (loss_error, norm_error) = follow(&mut trainer, &expected, batch);
        let trained = joined(trainer.adapter().variables().map(|(_, variable)| variable.as_tensor()));
        let far = away(&trained, &tensors("training.safetensors")["trained"], &begin);
        println!("{recompute:?}: losses {loss_error:.1e}, norms {norm_error:.1e}, the weights' change {far:.1e}");
        let slack = if device().is_cpu() { 1. } else { 10. };
        assert!(loss_error < 1e-5 * slack && norm_error < 1e-4 * slack, "{loss_error} {norm_error}");
        assert!(far < 1e-3 * slack, "{far}");
    }
}

fn items(count: usize, seed: u64) -> Vec<TrainingItem> {
    let item = |i: usize| {
        let seed = seed + 10 * i as u64;
        let sizes = [[1000.0 + i as f32, 900.0, 3.0 * i as f32, 0.0, 12.0, 16.0]];
        TrainingItem {
            mean: (randn(seed, &[4, 6, 8]) * 5.0).unwrap(),
            std: (randn(seed + 1, &[4, 6, 8]).abs().unwrap() * 0.1).unwrap(),
            mirrored: None,
            conditioning: conditions(&there(&randn(seed + 2, &[1, 7, 32])), &there(&randn(seed + 3, &[1, 10])), &sizes)
                .into(),
        }
    };
    (0..count).map(item).collect()
}

fn source(model: &Model, batch_size: usize, gradient_accumulation: usize) -> BatchSource {
    let (dropout, caption_dropout, noise_offset, latents) = (0.2, 0.0, 0.0, LatentScale::new(0.130_25));
    let config =
        BatchConfig { batch_size, gradient_accumulation, dropout, caption_dropout, noise_offset, latents, seed: 3 };
    let layers = model.denoiser.adaptable_layers(Targets::default());
    let material = Material::with_images(items(3, 500), items(2, 900));
    BatchSource::new(config, &model.process, material, layers, device()).unwrap()
}

#[test]
fn samples_keep_their_sizes_in_batches() {
    let model = model();
    let batch = source(&model, 2, 1).batches(0).unwrap().remove(0);
    let sizes = batch.conditioning.sizes().unwrap().to_vec2::<f32>().unwrap();
    assert!(sizes.iter().all(|row| row[2] == 3.0 * (row[0] - 1000.0)), "{sizes:?}");
    // `collate_fn` of `train_dreambooth_lora_sdxl.py` tells a class image what the photo beside it is told.
    let (photos, class_images) = sizes.split_at(2);
    assert!(photos[0] != photos[1] && photos == class_images, "{sizes:?}");
}

#[test]
fn accumulated_passes_average_to_the_batch() {
    let model = model();
    let trainer =
        Trainer::new(&model.denoiser, &model.process, config(Recompute::Nothing), adapter(&model, 0.1)).unwrap();
    let large = trainer.gradients(&source(&model, 4, 1).batches(1).unwrap()).unwrap();
    for (batch_size, passes) in [(2, 2), (1, 4)] {
        let small = trainer.gradients(&source(&model, batch_size, passes).batches(1).unwrap()).unwrap();
        assert!((small.loss / large.loss - 1.0).abs() < 1e-6);
        assert!(error(&joined(small.tensors.values()), &joined(large.tensors.values())) < 2e-5);
    }
}

#[test]
fn a_resumed_training_is_an_uninterrupted_one_to_the_bit() {
    let model = model();
    let source = source(&model, 1, 1);
    let new =
        || Trainer::new(&model.denoiser, &model.process, config(Recompute::Nothing), adapter(&model, 0.1)).unwrap();
    let train = |trainer: &mut Trainer<'_>, steps: usize| {
        for _ in 0..steps {
            trainer.step(&source.batches(trainer.steps_done()).unwrap()).unwrap();
        }
    };
    let (mut whole, mut first, mut second) = (new(), new(), new());
    train(&mut whole, 4);
    train(&mut first, 2);
    second.load_state(&first.save_state().unwrap()).unwrap();
    train(&mut second, 2);
    assert_eq!(second.save_state().unwrap(), whole.save_state().unwrap());
}

#[test]
fn the_probe_values_do_not_depend_on_the_batch_size() {
    if !device().is_cpu() {
        return;
    }
    let model = model();
    let set = ProbeSet::new(items(3, 100), 2, &model.process, LatentScale::new(0.130_25), 1);
    let values = |batch_size| {
        probe_values(&model.denoiser, &model.process, &set, &LoraSet::empty(), batch_size, device()).unwrap()
    };
    assert_eq!(values(1), values(4));
    // The sizes count.
    let one_size = items(3, 100).into_iter().map(|item| {
        let sizes = Some(Tensor::zeros((1, 6), DType::F32, device()).unwrap());
        let conditioning = Conditioning { sizes, ..item.conditioning.encoded().unwrap().clone() };
        TrainingItem { conditioning: conditioning.into(), ..item }
    });
    let other = ProbeSet::new(one_size.collect(), 2, &model.process, LatentScale::new(0.130_25), 1);
    let other = probe_values(&model.denoiser, &model.process, &other, &LoraSet::empty(), 1, device()).unwrap();
    assert!(values(1).iter().zip(&other).all(|(a, b)| a != b));
}
