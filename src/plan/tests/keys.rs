//! What must change a key and what must not.

use std::collections::{BTreeMap, BTreeSet};

use super::study::Study;
use crate::choice::Sampler;
use crate::photos::{Photo, Scan};
use crate::plan::Plan;
use crate::stage::Stage;
use Stage::{Baseline, ClassImages, Evaluate, Features, Generate, Prepare, Probe, Train};

/// The stages of a study without encoders.
const ALL: [Stage; 7] = [Prepare, Baseline, ClassImages, Train, Generate, Evaluate, Probe];

/// The keys of the first cell; a stage with several jobs has several.
pub(super) fn keys(plan: &Plan) -> BTreeMap<Stage, String> {
    let mut keys: BTreeMap<Stage, String> = BTreeMap::new();
    for (stage, job) in plan.cells[0].jobs.iter() {
        let key = plan.jobs[*job].key.to_string();
        keys.entry(stage).and_modify(|keys| *keys += &format!(" {key}")).or_insert(key);
    }
    keys
}

fn changed(before: &Plan, after: &Plan) -> Vec<Stage> {
    let (before, after) = (keys(before), keys(after));
    Stage::ALL.into_iter().filter(|stage| before.get(stage) != after.get(stage)).collect()
}

#[test]
fn each_setting_changes_the_keys_of_the_stages_that_use_it() {
    let from_train = vec![Train, Generate, Evaluate, Probe];
    let images = vec![Baseline, Generate, Evaluate];
    let all = ALL.to_vec();
    let cases: Vec<(&str, Vec<Stage>)> = vec![
        // In no key.
        ("name=other", vec![]),
        ("title=other", vec![]),
        // What counts is the content: its hash is a fact.
        ("model.base=other-model", vec![]),
        ("model.vae=owner/name", vec![]),
        ("model.text_encoders=owner/name", vec![]),
        ("model.device=auto", vec![]),
        ("generate.batch_size=4", vec![]),
        ("train.checkpoint_every=7", vec![]),
        ("train.lr_cycles=3", vec![]),
        ("train.lr_power=2.0", vec![]),
        ("dataset.seed=0", vec![]),
        ("race.rungs=[0.25]", vec![]),
        ("race.stop_values=true", vec![]),
        ("race.measure=much-noise", vec![]),
        ("dataset.images=other-photos", vec![]),
        ("dataset.captions=true", vec![Train, Generate, Evaluate, Probe]),
        // In some.
        ("model.dtype=bf16", all.clone()),
        ("model.low_memory=true", all.clone()),
        ("dataset.resolution=128", all.clone()),
        ("dataset.crop=random", vec![Prepare, Train, Generate, Evaluate, Probe]),
        ("dataset.size=6", from_train.clone()),
        ("dataset.held_out=3", from_train.clone()),
        ("dataset.seed=1", from_train.clone()),
        ("subject.class=toy", vec![Baseline, ClassImages, Train, Generate, Evaluate, Probe]),
        ("subject.identifier=xyzzy", vec![Baseline, Train, Generate, Evaluate, Probe]),
        ("subject.name=nohara", vec![Baseline, Evaluate, Probe]),
        ("train.instance_prompt=one {identifier}", from_train.clone()),
        ("train.steps=401", from_train.clone()),
        ("train.epochs=100", from_train.clone()),
        ("train.batch_size=2", from_train.clone()),
        ("train.gradient_accumulation=2", from_train.clone()),
        ("train.learning_rate=2e-4", from_train.clone()),
        ("train.lr_scheduler=cosine", from_train.clone()),
        ("train.adapter=loha", from_train.clone()),
        ("train.adapter=lokr", from_train.clone()),
        ("train.adapter=dora", from_train.clone()),
        ("train.rank=8", from_train.clone()),
        ("train.alpha=8", from_train.clone()),
        ("train.dropout=0.1", from_train.clone()),
        ("train.optimizer.name=lion", from_train.clone()),
        ("train.optimizer.beta1=0.8", from_train.clone()),
        ("train.optimizer.beta2=0.99", from_train.clone()),
        ("train.optimizer.epsilon=1e-7", from_train.clone()),
        ("train.optimizer.weight_decay=0.1", from_train.clone()),
        ("train.max_grad_norm=2", from_train.clone()),
        ("train.snr_gamma=5", from_train.clone()),
        ("train.targets=all", from_train.clone()),
        ("train.scaling=rslora", from_train.clone()),
        ("train.text_encoder=true", from_train.clone()),
        // Without the text encoders nothing has this rate.
        ("train.text_encoder_learning_rate=1e-5", vec![]),
        ("train.noise_offset=0.05", from_train.clone()),
        ("train.clip_skip=1", from_train.clone()),
        ("train.clip_skip=0", vec![]),
        // Only a LoKr has factors; tested below, too.
        ("train.lokr_factor=4", vec![]),
        ("train.ema_decay=0.99", from_train.clone()),
        ("train.caption_dropout=0.1", from_train.clone()),
        ("train.optimizer.lora_plus_ratio=16", from_train.clone()),
        ("train.prior_preservation.kind=output", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("dataset.aspect_buckets=true", vec![Prepare, ClassImages, Train, Generate, Evaluate, Probe]),
        ("dataset.random_flip=true", vec![Prepare, Train, Generate, Evaluate, Probe]),
        ("train.keep_every=100", from_train.clone()),
        // As long as the training: nothing is kept on the way.
        ("train.keep_every=400", vec![]),
        ("train.gradient_checkpointing=true", from_train.clone()),
        ("train.seed=1", from_train.clone()),
        ("train.prior_preservation.weight=0.5", from_train.clone()),
        ("train.prior_preservation.images=10", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.images=0", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.seed=1", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.class_prompt=a {class}", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.sampler=ddim", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.steps=10", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("train.prior_preservation.guidance_scale=5", vec![ClassImages, Train, Generate, Evaluate, Probe]),
        ("evaluate.probe_every=10", from_train.clone()),
        ("evaluate.probe_timesteps=5", from_train.clone()),
        ("evaluate.probe_photos=5", from_train.clone()),
        ("evaluate.probe_seed=5", from_train.clone()),
        ("evaluate.drift_prompts=[]", images.clone()),
        ("evaluate.encoders=[{name='dino', model='a/b', for='identity'}]", vec![Baseline, Features]),
        ("evaluate.question=held-out-loss", vec![]),
        // Only the masks that are found count, and there are none.
        ("dataset.masks=other-photos", vec![]),
        ("generate.seeds=[0]", images.clone()),
        ("generate.prompts=a {identifier}", images.clone()),
        ("generate.width=128", images.clone()),
        ("generate.height=128", images.clone()),
        ("generate.baseline_prompts=[]", vec![Baseline, Evaluate]),
        ("generate.lora_scale=0.5", vec![Generate, Evaluate, Probe]),
        ("generate.sampler=ddim", images.clone()),
        // What the model's usual sampler is.
        ("generate.sampler=dpm++2m", vec![]),
        ("train.prior_preservation.sampler=dpm++2m", vec![]),
        ("generate.guidance_rescale=0.7", images.clone()),
        ("generate.guidance_rescale=0", vec![]),
        ("generate.steps=10", images.clone()),
        ("generate.guidance_scale=5", images.clone()),
        ("generate.timestep_spacing=trailing", images.clone()),
        // The usual sampler lays them out on the whole range, so that both cannot be set.
        ("generate.sigmas=karras", images.clone()),
        ("generate.clip_skip=1", images.clone()),
        ("generate.long_prompts=true", images.clone()),
        ("generate.prompt_weights=true", images.clone()),
        ("generate.clip_skip=0", vec![]),
        ("generate.sigmas=model", vec![]),
        ("generate.timestep_spacing=model", vec![]),
        ("generate.negative_prompt=blurry", images.clone()),
    ];
    let mut study = Study::new(12);
    let before = study.plan("", &[]);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (set, expected) in &cases {
        assert_eq!(changed(&before, &study.plan("", &[set])), *expected, "{set}");
        seen.insert(set.split('=').next().unwrap());
    }
    // Every setting is in the table above, so that a new one cannot be forgotten.
    let missing: Vec<_> = all_settings().into_iter().filter(|key| !seen.contains(key.as_str())).collect();
    assert_eq!(missing, ["train.lr_warmup_steps", "generate.checkpoint"], "tested below");
    let mut study = Study::new(12);
    let lokr = "train.adapter=lokr";
    let before = study.plan("", &[lokr]);
    let factor = study.plan("", &[lokr, "train.lokr_factor=4"]);
    assert_eq!(changed(&before, &factor), [Train, Generate, Evaluate, Probe]);
    let mut study = Study::new(12);
    let kept = "train.keep_every=100";
    let before = study.plan("", &[kept]);
    let checkpoint = |study: &mut Study, step: &str| changed(&before, &study.plan("", &[kept, step]));
    assert_eq!(checkpoint(&mut study, "generate.checkpoint=200"), [Generate, Evaluate, Probe]);
    assert_eq!(checkpoint(&mut study, "generate.checkpoint=400"), []);
    // Learning rate settings count where the scheduler uses them.
    let counts = |scheduler: &str, set: &str| {
        let scheduler = format!("train.lr_scheduler={scheduler}");
        let mut study = Study::new(12);
        let before = study.plan("", &[&scheduler]);
        !changed(&before, &study.plan("", &[&scheduler, set])).is_empty()
    };
    assert!(!counts("constant", "train.lr_warmup_steps=5") && counts("linear", "train.lr_warmup_steps=5"));
    assert!(!counts("cosine", "train.lr_cycles=5") && counts("cosine-with-restarts", "train.lr_cycles=5"));
    assert!(!counts("linear", "train.lr_power=5") && counts("polynomial", "train.lr_power=5"));
}

#[test]
fn the_usual_sampler_of_the_model_counts_where_the_study_names_none() {
    let of = |sampler: Option<Sampler>, set: &[&str]| {
        let mut study = Study::new(12);
        let sources = study.experiment("", set).cells()[0].settings.model.sources();
        study.facts.usual_samplers.extend(sampler.map(|sampler| (sources, sampler)));
        study.plan("", set)
    };
    let (usual, euler) = (of(None, &[]), of(Some(Sampler::Euler), &[]));
    assert_eq!(changed(&usual, &euler), [Baseline, ClassImages, Train, Generate, Evaluate, Probe]);
    let named = ["generate.sampler=euler", "train.prior_preservation.sampler=euler"];
    assert_eq!(changed(&euler, &of(None, &named)), []);
    // Plan and report show the sampler that draws.
    assert_eq!(euler.cells[0].settings.generate.images.sampling.sampler, Sampler::Euler);
}

/// Dotted names of all settings, from the commented defaults.
fn all_settings() -> Vec<String> {
    let mut section = String::new();
    let mut names = Vec::new();
    for line in crate::experiment::DEFAULTS.lines().take_while(|line| !line.starts_with("# [sweep]")) {
        if let Some((name, _)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ")
            && !key.contains(' ')
            && key != "extends"
        {
            names.push(format!("{section}{key}"));
        }
    }
    names
}

#[test]
fn each_fact_changes_the_keys_of_the_stages_that_use_it() {
    let mut study = Study::new(12);
    let before = study.plan("", &[]);
    let images = vec![study.folder.path().join("photos")];
    let check = |change: &dyn Fn(&mut Study, &mut Vec<Photo>), set: &[&str], expected: &[Stage], what: &str| {
        let mut study = Study::new(12);
        let before = study.plan("", set);
        let mut photos = std::mem::take(&mut study.facts.photos.values_mut().next().unwrap().photos);
        change(&mut study, &mut photos);
        let images = vec![study.folder.path().join("photos")];
        study.facts.photos.insert(images, Scan { photos, ..Scan::default() });
        assert_eq!(changed(&before, &study.plan("", set)), expected, "{what}");
    };
    let held_out = before.cells[0].held_out_photos.clone();
    let train = before.cells[0].train_photos.clone();
    check(&|_, photos| photos.iter_mut().for_each(|p| p.name += "x"), &[], &[], "names do not count");
    check(&|_, photos| photos.iter_mut().for_each(|p| p.path = "/x".into()), &[], &[], "places do not count");
    check(&|_, photos| photos.reverse(), &[], &[], "the order on disk does not count");
    check(&|s, _| s.facts.device_class = "cuda".into(), &[], &ALL, "kind of device");
    check(
        &|s, _| s.facts.base_hashes.values_mut().for_each(|h| *h = "new".into()),
        &[],
        &ALL,
        "content of the base model",
    );
    let replace = |photos: &mut Vec<Photo>, hash: &str| {
        photos.iter_mut().filter(|p| p.hash == hash).for_each(|p| p.caption = Some("hello".into()));
    };
    check(&|_, photos| replace(photos, &train[0]), &[], &[Prepare], "captions that are not used");
    let elsewhere = |photos: &mut Vec<Photo>, hash: &str| {
        for photo in photos.iter_mut().filter(|photo| photo.hash == hash) {
            (photo.caption, photo.caption_file) = (Some("hello".into()), Some("x.caption".into()));
        }
    };
    check(&|_, photos| elsewhere(photos, &train[0]), &[], &[], "a new kind of caption that is not used");
    let read_anew = |photos: &mut Vec<Photo>, hash: &str| {
        photos.iter_mut().filter(|photo| photo.hash == hash).for_each(|photo| photo.reading = 2);
    };
    check(
        &|_, p| read_anew(p, &train[0]),
        &[],
        &[Prepare, Train, Generate, Evaluate, Probe],
        "a photo read wrongly before",
    );
    let captions = ["dataset.captions=true"];
    check(
        &|_, p| elsewhere(p, &train[0]),
        &captions,
        &[Prepare, Train, Generate, Evaluate, Probe],
        "a new kind of caption",
    );
    check(&|_, p| replace(p, &train[0]), &captions, &[Prepare, Train, Generate, Evaluate, Probe], "caption");
    check(
        &|_, p| replace(p, &held_out[0]),
        &captions,
        &[Prepare, Train, Generate, Evaluate, Probe],
        "held-out caption",
    );
    let unused = study.facts.photos[&images].photos.iter().map(|p| p.hash.clone());
    let unused = unused.into_iter().find(|h| !train.contains(h) && !held_out.contains(h)).unwrap();
    check(&|_, p| read_anew(p, &unused), &[], &[Prepare], "a photo no cell uses, read wrongly before");
    check(&|_, p| p.retain(|p| p.hash != unused), &[], &[Prepare], "a photo no cell uses");
    check(
        &|_, p| p.retain(|p| p.hash != train[0]),
        &[],
        &[Prepare, Train, Generate, Evaluate, Probe],
        "training photo",
    );
    check(
        &|_, p| p.retain(|p| p.hash != held_out[1]),
        &[],
        &[Prepare, Train, Generate, Evaluate, Probe],
        "held-out photo",
    );
}
