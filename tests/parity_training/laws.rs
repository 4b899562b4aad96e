//! What must hold for batches, resumed trainings and the probe loss.

use runner::models::config::LatentScale;
use runner::training::ClassMaterial;
use runner::training::optimizer::{LionConfig, ProdigyConfig};

use super::*;

fn items(count: usize, denoiser: &Denoiser, seed: u64) -> Vec<TrainingItem> {
    (0..count as u64)
        .map(|i| TrainingItem {
            mean: (randn(seed + 10 * i, &[4, 7, 5]) * 5.0).unwrap(),
            std: (randn(seed + 10 * i + 1, &[4, 7, 5]).abs().unwrap() * 0.1).unwrap(),
            mirrored: None,
            conditioning: randn(seed + 10 * i + 2, &[1, 7, width(denoiser)]).into(),
        })
        .collect()
}

fn config(batch_size: usize, gradient_accumulation: usize) -> BatchConfig {
    let (dropout, caption_dropout, noise_offset) = (0.0, 0.0, 0.0);
    let latents = LatentScale::new(0.182_15);
    BatchConfig { batch_size, gradient_accumulation, dropout, caption_dropout, noise_offset, latents, seed: 3 }
}

fn source(denoiser: &Denoiser, batch_size: usize, accumulation: usize, dropout: f64) -> BatchSource {
    let config = BatchConfig { dropout, ..config(batch_size, accumulation) };
    let (photos, class_images) = (items(3, denoiser, 500), items(4, denoiser, 900));
    let process = Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap());
    let material = Material::with_images(photos, class_images);
    BatchSource::new(config, &process, material, denoiser.adaptable_layers(Targets::Attention), device()).unwrap()
}

#[test]
fn our_dropout_masks_have_the_shapes_peft_saw() {
    let case = &cases()["dropout"];
    let (denoiser, _) = model(&case.model);
    let batch = source(&denoiser, 1, 1, 0.25).batches(0).unwrap().remove(0);
    assert!(batch.dropout_masks.keys().eq(case.mask_tokens.keys()));
    for (name, mask) in &batch.dropout_masks {
        assert_eq!(mask.dim(1).unwrap(), case.mask_tokens[name], "{name}");
    }
}

#[test]
fn a_resumed_training_is_an_uninterrupted_one_to_the_bit() {
    let case = &cases()["accumulation"];
    let (denoiser, process) = model(&case.model);
    let source = source(&denoiser, 1, 2, 0.3);
    let new = || case.trainer(&denoiser, &process, Recompute::Nothing);
    let train = |trainer: &mut Trainer<'_>, steps: u64| {
        (0..steps).map(|_| trainer.step(&source.batches(trainer.steps_done()).unwrap()).unwrap()).collect::<Vec<_>>()
    };
    let mut whole = new();
    let reports = train(&mut whole, 10);
    let mut first = new();
    train(&mut first, 5);
    let state = first.save_state().unwrap();
    assert_eq!(state, first.save_state().unwrap());
    let mut second = new();
    // What was trained before must not matter.
    train(&mut second, 2);
    second.load_state(&state).unwrap();
    assert_eq!(second.steps_done(), 5);
    assert_eq!(train(&mut second, 5), reports[5..]);
    assert_eq!(bits(&second), bits(&whole));
    assert_eq!(second.save_state().unwrap(), whole.save_state().unwrap());

    // A state of the very beginning has no moments.
    let fresh = new().save_state().unwrap();
    second.load_state(&fresh).unwrap();
    assert_eq!(train(&mut second, 10), reports);

    let other = Adapter::init(
        AdapterKind::Lora,
        &denoiser.adaptable_layers(Targets::Attention),
        case.rank + 1,
        case.alpha,
        0,
        device(),
    )
    .unwrap();
    let mut other = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), other).unwrap();
    let error = other.load_state(&state).unwrap_err();
    assert!(matches!(&error, TrainingError::State(reason) if reason.contains("not F32")), "{error}");
    for cut in [0, 7, 100, state.len() / 2, state.len() - 1] {
        assert!(matches!(second.load_state(&state[..cut]), Err(TrainingError::State(_))), "{cut}");
    }
    assert_eq!(bits(&second), bits(&whole), "a refused state changes nothing");
}

/// Photos with token ids, mirror images, and prompts for the class of which the base model's output is kept.
fn options_source(case: &Case, denoiser: &Denoiser, batch_size: usize, accumulation: usize) -> BatchSource {
    let config =
        BatchConfig { dropout: 0.25, caption_dropout: 0.3, noise_offset: 0.1, ..config(batch_size, accumulation) };
    let prompt = |first: u32| {
        let ids = Tensor::from_vec((first..first + 7).collect::<Vec<u32>>(), (1, 7), device()).unwrap();
        Prompt::Ids(TokenIds { ids: vec![ids], sizes: None })
    };
    let mut photos = items(3, denoiser, 500);
    for (i, photo) in photos.iter_mut().enumerate() {
        let (mean, std) = (photo.mean.neg().unwrap(), photo.std.clone());
        photo.mirrored = Some(MirrorImage { mean, std, sizes: None });
        photo.conditioning = prompt(10 * i as u32);
    }
    let class = ClassMaterial::Output((0..3).map(|i| prompt(200 + i)).collect());
    let material = Material { photos, class, empty_prompt: Some(prompt(300)) };
    let mut layers = denoiser.adaptable_layers(Targets::Attention);
    layers.extend(text(&case.model).adaptable_layers(Targets::Attention));
    let process = Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap());
    BatchSource::new(config, &process, material, layers, device()).unwrap()
}

#[test]
fn a_resumed_training_with_every_option_is_an_uninterrupted_one_to_the_bit() {
    let case = &Case { prior: Some(0.5), ..cases().remove("text").unwrap() };
    let (denoiser, process) = model(&case.model);
    let source = options_source(case, &denoiser, 2, 1);
    for optimizer in [
        OptimizerConfig::AdamW8bit(AdamWConfig::default()),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Prodigy(ProdigyConfig::default()),
    ] {
        let new = || {
            let config = TrainingConfig { optimizer, ..case.config(Recompute::Blocks) };
            let trainer = Trainer::new(&denoiser, &process, config, case.adapter(&denoiser)).unwrap();
            trainer.with_text(text(&case.model))
        };
        let train = |trainer: &mut Trainer<'_>, steps: u64| {
            (0..steps)
                .map(|_| trainer.step(&source.batches(trainer.steps_done()).unwrap()).unwrap())
                .collect::<Vec<_>>()
        };
        let mut whole = new();
        let reports = train(&mut whole, 4);
        let mut first = new();
        train(&mut first, 2);
        let mut second = new();
        second.load_state(&first.save_state().unwrap()).unwrap();
        assert_eq!(train(&mut second, 2), reports[2..]);
        assert_eq!(second.save_state().unwrap(), whole.save_state().unwrap());
        let kept = |trainer: &Trainer<'_>| {
            let kept = trainer.kept().unwrap();
            kept.variables().map(|(_, v)| v.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(kept(&second), kept(&whole));
        assert_ne!(kept(&second), bits(&second), "what is kept is a mean of several steps");
    }
}

#[test]
fn single_samples_average_to_the_batch_with_every_option() {
    let case = &Case { prior: Some(0.5), ..cases().remove("text").unwrap() };
    let (denoiser, process) = model(&case.model);
    let gradients = |batch_size, accumulation, recompute| {
        let trainer = case.trainer(&denoiser, &process, recompute);
        let source = options_source(case, &denoiser, batch_size, accumulation);
        trainer.gradients(&source.batches(1).unwrap()).unwrap()
    };
    let large = gradients(4, 1, Recompute::Nothing);
    assert!(large.prior_loss.unwrap() > 0.0);
    for (batch_size, recompute) in [(2, Recompute::Nothing), (1, Recompute::Nothing), (4, Recompute::Blocks)] {
        let small = gradients(batch_size, 4 / batch_size, recompute);
        assert!((small.loss / large.loss - 1.0).abs() < 1e-6);
        let error = gradient_distance(&small, &large);
        assert!(error < 2e-5, "{batch_size} {recompute:?}: {error}");
    }
}

#[test]
fn accumulated_passes_and_single_samples_average_to_the_batch() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let adapter = Case { up_deviation: 0.1, ..cases().remove("prior").unwrap() }.adapter(&denoiser);
    let trainer = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), adapter).unwrap();
    for dropout in [0.0, 0.5] {
        let large = trainer.gradients(&source(&denoiser, 4, 1, dropout).batches(1).unwrap()).unwrap();
        for (batch_size, accumulation) in [(2, 2), (1, 4)] {
            let small = source(&denoiser, batch_size, accumulation, dropout).batches(1).unwrap();
            let small = trainer.gradients(&small).unwrap();
            assert!((small.loss / large.loss - 1.0).abs() < 1e-6);
            let error = gradient_distance(&small, &large);
            assert!(error < 2e-5, "{error}");
        }
    }
}

#[test]
fn numbers_that_are_not_finite_stop_with_step_and_module() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let module = denoiser.adaptable_layers(Targets::Attention)[5].name.clone();
    let source = source(&denoiser, 1, 1, 0.0);
    let mut trainer = case.trainer(&denoiser, &process, Recompute::Nothing);
    trainer.step(&source.batches(0).unwrap()).unwrap();
    let before = bits(&trainer);

    let mut batches = source.batches(1).unwrap();
    batches[0].conditioning = (&batches[0].conditioning.encoded().unwrap().tokens * f64::NAN).unwrap().into();
    let error = trainer.step(&batches).unwrap_err().to_string();
    assert!(error.contains("step 2") && error.contains("loss") && error.contains("text embeddings"), "{error}");
    assert_eq!((bits(&trainer), trainer.steps_done()), (before, 1));

    let down = &trainer.adapter().modules[&module].tensors["down"];
    down.set(&(down.as_tensor() * f64::INFINITY).unwrap()).unwrap();
    let error = trainer.step(&source.batches(1).unwrap()).unwrap_err().to_string();
    assert!(error.contains("step 2") && error.contains(&module), "{error}");
}

#[test]
fn wrong_batches_are_refused() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let trainer = case.trainer(&denoiser, &process, Recompute::Nothing);
    let good = source(&denoiser, 1, 1, 0.0).batches(0).unwrap().remove(0);
    assert!(trainer.gradients(&[]).is_err());
    for bad in [
        Batch { photos: 0, ..good.clone() },
        Batch { photos: 3, ..good.clone() },
        Batch { times: vec![1.0], ..good.clone() },
        Batch { noise: good.noise.narrow(0, 0, 1).unwrap(), ..good.clone() },
        Batch { times: vec![1.0, 1000.0], ..good.clone() },
        Batch { dropout_masks: BTreeMap::from([("nowhere".to_owned(), good.noise.clone())]), ..good.clone() },
    ] {
        assert!(trainer.gradients(&[bad]).is_err());
    }
}

#[test]
fn the_probe_loss_does_not_depend_on_the_batch_size() {
    if !device().is_cpu() {
        // Other devices' libraries may choose other products for another batch; see `at_once`.
        return;
    }
    for name in ["prior", "velocity"] {
        let case = &cases()[name];
        let (denoiser, process) = model(&case.model);
        let adapter = Case { up_deviation: 0.1, ..cases().remove(name).unwrap() }.adapter(&denoiser);
        let lora = adapter.frozen_set(1.0).unwrap();
        let items = items(3, &denoiser, 100);
        let loss = |items: &[TrainingItem], batch_size| {
            let set = ProbeSet::new(items.to_vec(), 4, &process, LatentScale::new(0.182_15), 1);
            probe_loss(&denoiser, &process, &set, &lora, batch_size, device()).unwrap()
        };
        let one = loss(&items, 1);
        for batch_size in [2, 3, 5, 12, 100] {
            assert_eq!(loss(&items, batch_size).to_bits(), one.to_bits(), "{name}, batch {batch_size}");
        }
        // The loss is the mean of the values, and the values of a shorter list begin those of a longer one.
        let values = |items: &[TrainingItem]| {
            let set = ProbeSet::new(items.to_vec(), 4, &process, LatentScale::new(0.182_15), 1);
            probe_values(&denoiser, &process, &set, &lora, 1, device()).unwrap()
        };
        let all = values(&items);
        assert_eq!((all.iter().sum::<f64>() / 12.0).to_bits(), one.to_bits());
        assert_eq!(values(&items[..2]), all[..8]);
        let set = ProbeSet::new(items.clone(), 4, &process, LatentScale::new(0.182_15), 1);
        let of_set = |set: ProbeSet| probe_values(&denoiser, &process, &set, &lora, 1, device()).unwrap();
        assert_eq!(set.by_photo().flat_map(of_set).collect::<Vec<_>>(), all);
        assert_eq!((set.times(), set.len()), (&[125.0, 375.0, 625.0, 875.0][..], 12));

        // The same number from the training loss at the same triples.
        let config = case.config(Recompute::Nothing);
        let trainer = Trainer::new(&denoiser, &process, config, adapter).unwrap();
        let (mut mean, timesteps) = (0.0, [125.0, 375.0, 625.0, 875.0]);
        for (photo, item) in items.iter().enumerate() {
            for (place, timestep) in timesteps.into_iter().enumerate() {
                let seed = runner::sampling::noise::derive(1, "probe/noise", place as u64, photo as u64);
                let batch = Batch {
                    latents: there(&(item.mean.unsqueeze(0).unwrap() * 0.182_15).unwrap()),
                    noise: there(&randn(seed, &[1, 4, 7, 5])),
                    times: vec![timestep],
                    conditioning: item.conditioning.to_device(device()).unwrap(),
                    photos: 1,
                    preserved: Preserved::Images,
                    dropout_masks: BTreeMap::new(),
                };
                mean += trainer.gradients(&[batch]).unwrap().loss / 12.0;
            }
        }
        assert!((mean / one - 1.0).abs() < 1e-6, "{mean} {one}");
    }
}
