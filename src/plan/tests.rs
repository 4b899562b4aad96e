//! What must change a key and what must not; how photos are divided; what is shared; why jobs are made again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tempfile::TempDir;

use super::{Facts, JobStatus, Plan, estimate, json, make, status, table};
use crate::experiment::{Experiment, Overrides};
use crate::photos::{Alike, Format, Photo, Scan, Skipped};
use crate::stage::Stage;
use crate::store::{Claim, Made, Store};

const STUDY: &str = r#"
name = "test"
title = "A test"
[model]
base = "model"
device = "cpu"
[subject]
identifier = "aawxbc"
class = "figurine"
name = "shin-chan"
[dataset]
images = "photos"
size = 5
held_out = 2
resolution = 64
[train]
lr_scheduler = "constant"
[generate]
baseline_prompts = ["a {name}"]
seeds = [0, 1]
"#;

/// A study in a folder; its photos and model are made up in [`Facts`].
struct Study {
    folder: TempDir,
    facts: Facts,
}

impl Study {
    fn new(photos: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["model", "other-model", "photos", "other-photos"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("model_index.json"), "{}").unwrap();
        }
        let mut study = Self { folder, facts: Facts { device_class: "cpu".into(), ..Facts::default() } };
        study.facts.photos.insert(vec![study.folder.path().join("photos")], scan(photos));
        study.facts.photos.insert(vec![study.folder.path().join("other-photos")], scan(photos));
        study
    }

    fn experiment(&self, text: &str, set: &[&str]) -> Experiment {
        let path = self.folder.path().join("study.toml");
        std::fs::write(&path, format!("{STUDY}\n{text}")).unwrap();
        let set = set.iter().map(|s| (*s).to_owned()).collect();
        let overrides = Overrides { set, current_dir: self.folder.path().to_owned(), ..Overrides::default() };
        Experiment::load(&path, &overrides).unwrap_or_else(|e| panic!("{e}"))
    }

    fn plan(&mut self, text: &str, set: &[&str]) -> Plan {
        let experiment = self.experiment(text, set);
        for cell in experiment.cells() {
            // The same content wherever the model lies.
            self.facts.base_hashes.entry(cell.settings.model.base.clone()).or_insert_with(|| "base-hash".to_owned());
        }
        make(&experiment, &self.facts).unwrap_or_else(|e| panic!("{e}"))
    }
}

fn scan(photos: usize) -> Scan {
    let photo = |i: usize| Photo {
        path: format!("/photos/{i:02}.jpg").into(),
        name: format!("{i:02}.jpg"),
        hash: blake3::hash(&i.to_le_bytes()).to_hex().to_string(),
        format: Format::Jpeg,
        width: 64,
        height: 64,
        reading: 1,
        caption: None,
        caption_file: None,
    };
    Scan { photos: (0..photos).map(photo).collect(), ..Scan::default() }
}

fn keys(plan: &Plan) -> BTreeMap<Stage, String> {
    plan.cells[0].jobs.iter().map(|(stage, job)| (*stage, plan.jobs[*job].key.to_string())).collect()
}

fn changed(before: &Plan, after: &Plan) -> Vec<Stage> {
    let (before, after) = (keys(before), keys(after));
    Stage::ALL.into_iter().filter(|stage| before.get(stage) != after.get(stage)).collect()
}

use Stage::{Baseline, ClassImages, Evaluate, Generate, Prepare, Train};

#[test]
fn each_setting_changes_the_keys_of_the_stages_that_use_it() {
    let from_train = vec![Train, Generate, Evaluate];
    let images = vec![Baseline, Generate, Evaluate];
    let all = Stage::ALL.to_vec();
    let cases: Vec<(&str, Vec<Stage>)> = vec![
        // In no key.
        ("name=other", vec![]),
        ("title=other", vec![]),
        ("model.base=other-model", vec![]),
        ("model.device=auto", vec![]),
        ("generate.batch_size=4", vec![]),
        ("train.checkpoint_every=7", vec![]),
        ("train.lr_cycles=3", vec![]),
        ("train.lr_power=2.0", vec![]),
        ("dataset.seed=0", vec![]),
        ("dataset.images=other-photos", vec![]),
        ("dataset.captions=true", vec![Train, Generate, Evaluate]),
        // In some.
        ("model.dtype=bf16", all.clone()),
        ("model.low_memory=true", all.clone()),
        ("dataset.resolution=128", all.clone()),
        ("dataset.crop=random", vec![Prepare, Train, Generate, Evaluate]),
        ("dataset.size=6", from_train.clone()),
        ("dataset.held_out=3", from_train.clone()),
        ("dataset.seed=1", from_train.clone()),
        ("subject.class=toy", vec![Baseline, ClassImages, Train, Generate, Evaluate]),
        ("subject.identifier=xyzzy", vec![Baseline, Train, Generate, Evaluate]),
        ("subject.name=nohara", vec![Baseline, Evaluate]),
        ("train.instance_prompt=one {identifier}", from_train.clone()),
        ("train.steps=401", from_train.clone()),
        ("train.epochs=100", from_train.clone()),
        ("train.batch_size=2", from_train.clone()),
        ("train.gradient_accumulation=2", from_train.clone()),
        ("train.learning_rate=2e-4", from_train.clone()),
        ("train.lr_scheduler=cosine", from_train.clone()),
        ("train.rank=8", from_train.clone()),
        ("train.alpha=8", from_train.clone()),
        ("train.dropout=0.1", from_train.clone()),
        ("train.adam_beta1=0.8", from_train.clone()),
        ("train.adam_beta2=0.99", from_train.clone()),
        ("train.adam_epsilon=1e-7", from_train.clone()),
        ("train.weight_decay=0.1", from_train.clone()),
        ("train.max_grad_norm=2", from_train.clone()),
        ("train.gradient_checkpointing=true", from_train.clone()),
        ("train.seed=1", from_train.clone()),
        ("train.prior_preservation.weight=0.5", from_train.clone()),
        ("train.prior_preservation.images=10", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.images=0", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.seed=1", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.class_prompt=a {class}", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.sampler=ddim", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.steps=10", vec![ClassImages, Train, Generate, Evaluate]),
        ("train.prior_preservation.guidance_scale=5", vec![ClassImages, Train, Generate, Evaluate]),
        ("evaluate.probe_every=10", from_train.clone()),
        ("evaluate.probe_timesteps=5", from_train.clone()),
        ("evaluate.probe_photos=5", from_train.clone()),
        ("evaluate.probe_seed=5", from_train.clone()),
        ("evaluate.drift_prompts=[]", images.clone()),
        ("generate.seeds=[0]", images.clone()),
        ("generate.prompts=a {identifier}", images.clone()),
        ("generate.width=128", images.clone()),
        ("generate.height=128", images.clone()),
        ("generate.baseline_prompts=[]", vec![Baseline, Evaluate]),
        ("generate.lora_scale=0.5", vec![Generate, Evaluate]),
        ("generate.sampler=ddim", images.clone()),
        ("generate.steps=10", images.clone()),
        ("generate.guidance_scale=5", images.clone()),
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
    assert_eq!(missing, ["train.lr_warmup_steps"], "tested below");
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
    check(&|s, _| s.facts.device_class = "cuda".into(), &[], &Stage::ALL, "kind of device");
    check(
        &|s, _| s.facts.base_hashes.values_mut().for_each(|h| *h = "new".into()),
        &[],
        &Stage::ALL,
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
    check(&|_, p| read_anew(p, &train[0]), &[], &[Prepare, Train, Generate, Evaluate], "a photo read wrongly before");
    let captions = ["dataset.captions=true"];
    check(&|_, p| elsewhere(p, &train[0]), &captions, &[Prepare, Train, Generate, Evaluate], "a new kind of caption");
    check(&|_, p| replace(p, &train[0]), &captions, &[Prepare, Train, Generate, Evaluate], "caption");
    check(&|_, p| replace(p, &held_out[0]), &captions, &[Prepare, Train, Generate, Evaluate], "held-out caption");
    let unused = study.facts.photos[&images].photos.iter().map(|p| p.hash.clone());
    let unused = unused.into_iter().find(|h| !train.contains(h) && !held_out.contains(h)).unwrap();
    check(&|_, p| read_anew(p, &unused), &[], &[Prepare], "a photo no cell uses, read wrongly before");
    check(&|_, p| p.retain(|p| p.hash != unused), &[], &[Prepare], "a photo no cell uses");
    check(&|_, p| p.retain(|p| p.hash != train[0]), &[], &[Prepare, Train, Generate, Evaluate], "training photo");
    check(&|_, p| p.retain(|p| p.hash != held_out[1]), &[], &[Prepare, Train, Generate, Evaluate], "held-out photo");
}

#[test]
fn subsets_are_nested_and_held_out_photos_never_trained_on() {
    let mut study = Study::new(30);
    let sweep = "[sweep]\ndataset.size = [5, 15, 25]";
    let plan = study.plan(sweep, &["dataset.held_out=5"]);
    let sizes: Vec<usize> = plan.cells.iter().map(|cell| cell.train_photos.len()).collect();
    assert_eq!(sizes, [5, 15, 25]);
    for pair in plan.cells.windows(2) {
        assert!(pair[1].train_photos.starts_with(&pair[0].train_photos));
        assert_eq!(pair[0].held_out_photos, pair[1].held_out_photos);
    }
    let held_out = &plan.cells[0].held_out_photos;
    assert_eq!(held_out.len(), 5);
    assert!(plan.cells.iter().all(|cell| cell.train_photos.iter().all(|photo| !held_out.contains(photo))));
    // Another seed is another division, again the same for all its cells.
    let seeds = study.plan("[sweep]\ndataset.seed = [0, 1]\ndataset.size = [5, 15]", &["dataset.held_out=5"]);
    assert_eq!(seeds.cells[2].held_out_photos, seeds.cells[3].held_out_photos);
    assert_ne!(seeds.cells[0].held_out_photos, seeds.cells[2].held_out_photos);
}

#[test]
fn cells_share_what_does_not_depend_on_them() {
    let mut study = Study::new(30);
    let plan = study.plan("[sweep]\ndataset.size = [5, 15, 25]", &[]);
    let shared = |stage: Stage| plan.jobs.iter().filter(|job| job.stage == stage).count();
    let counts: Vec<usize> = Stage::ALL.into_iter().map(shared).collect();
    assert_eq!(counts, [1, 1, 1, 3, 3, 3]);
    let order: Vec<(&str, &str)> = plan.jobs.iter().map(|job| (job.stage.name(), job.label.as_str())).collect();
    assert_eq!(
        order[..4],
        [
            ("prepare", "all cells"),
            ("baseline", "all cells"),
            ("class_images", "all cells"),
            ("train", "dataset.size=5"),
        ]
    );
    for (index, job) in plan.jobs.iter().enumerate() {
        assert!(job.needs.iter().all(|need| *need < index));
        assert!(job.cells.iter().all(|cell| plan.cells[*cell].jobs[&job.stage] == index));
        assert_eq!(job.key, job.inputs.key(job.stage));
    }
    // A new size trains only the new cell.
    let more = study.plan("[sweep]\ndataset.size = [5, 10, 15, 25]", &[]);
    let old: BTreeSet<_> = plan.jobs.iter().map(|job| &job.key).collect();
    let new: Vec<_> =
        more.jobs.iter().filter(|job| !old.contains(&job.key)).map(|job| (job.stage, &*job.label)).collect();
    assert_eq!(new, [(Train, "dataset.size=10"), (Generate, "dataset.size=10"), (Evaluate, "dataset.size=10")]);
}

#[test]
fn labels_say_what_cells_have_in_common() {
    let mut study = Study::new(12);
    let plan = study.plan("[sweep]\ngenerate.guidance_scale = [1, 7.5]\ntrain.rank = [4, 8]", &[]);
    let baselines: Vec<&str> = plan.jobs.iter().filter(|j| j.stage == Baseline).map(|j| j.label.as_str()).collect();
    assert_eq!(baselines, ["generate.guidance_scale=1", "generate.guidance_scale=7.5"]);
    let plan =
        study.plan("[sweep]\ntrain.prior_preservation.images = [0, 5, 6]\ngenerate.lora_scale = [0.5, 1.0]", &[]);
    assert!(!plan.cells[0].jobs.contains_key(&ClassImages) && plan.cells[2].jobs.contains_key(&ClassImages));
    assert_eq!(plan.jobs[plan.cells[0].jobs[&Train]].label, "train.prior_preservation.images=0");
}

#[test]
fn some_cells_only() {
    let mut study = Study::new(30);
    let plan = study.plan("[sweep]\ndataset.size = [5, 15, 25]", &[]);
    let (keys, whole) = (plan.jobs.iter().map(|job| job.key.clone()).collect::<Vec<_>>(), plan.clone());
    let only = plan.only(&[1]);
    assert_eq!(only.cells.len(), 1);
    assert_eq!(only.jobs.len(), 6);
    assert!(only.jobs.iter().enumerate().all(|(i, job)| job.cells == [0] && job.needs.iter().all(|n| *n < i)));
    assert!(only.jobs.iter().all(|job| keys.contains(&job.key)));
    assert_eq!(only.jobs[only.cells[0].jobs[&Train]].label, "dataset.size=15");
    assert_eq!(whole.clone().only(&[0, 1, 2]), whole);
}

#[test]
fn too_few_photos() {
    let mut study = Study::new(26);
    let images = vec![study.folder.path().join("photos")];
    study.facts.photos.get_mut(&images).unwrap().skipped = vec![Skipped {
        path: "photos/a.heic".into(),
        reason: "a HEIC photo: convert it to JPEG or PNG".into(),
        own: false,
    }];
    let experiment = study.experiment("[sweep]\ndataset.size = [5, 25, 15]", &[]);
    let error = make(&experiment, &study.facts).unwrap_err().to_string();
    let here = format!("{}/", study.folder.path().display());
    insta::assert_snapshot!(error.replace(&here, ""), @"
    study.toml:23:20: 26 photos in photos, but 25 to train on and 2 held out are 27
     23 | dataset.size = [5, 25, 15]
        |                    ^^
        = add photos, or train on at most 24; not used: photos/a.heic (a HEIC photo: convert it to JPEG or PNG)
    ");
}

/// Commits a made-up result for a job.
fn commit(store: &Store, plan: &Plan, index: usize, seconds: f64) {
    let job = &plan.jobs[index];
    let Claim::Work(workspace) = store.claim(job.stage, &job.inputs).unwrap() else { panic!("not to do") };
    workspace.write("result.txt", &[b'x'; 1000]).unwrap();
    workspace.commit(Value::Null, &Made { seconds, device: "cpu".into(), threads: 1 }).unwrap();
}

fn reasons(plan: &Plan, store: &Store) -> Vec<String> {
    let said = |status: &JobStatus| match status {
        JobStatus::Cached => "cached".to_owned(),
        JobStatus::Todo { reason } | JobStatus::Failed { reason } => reason.clone(),
    };
    status(plan, store).unwrap().iter().map(said).collect()
}

#[test]
fn reasons_are_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("", &[]);
    assert_eq!(reasons(&plan, &store), ["not made yet"; 6]);
    (0..6).for_each(|job| commit(&store, &plan, job, 1.0));
    assert_eq!(reasons(&plan, &store), ["cached"; 6]);

    let faster = study.plan("", &["train.learning_rate=2e-4"]);
    let expected = [
        "cached",
        "cached",
        "cached",
        "learning_rate 1e-4 → 2e-4",
        "trained again",
        "trained again, new generate images",
    ];
    let said = reasons(&faster, &store);
    assert_eq!(said[..5], expected[..5]);
    assert_eq!(said[5], "new generate images, trained again");

    // Cells of this plan that are done already are no reason.
    let grid = study.plan("[sweep]\ndataset.size = [5, 6]", &[]);
    assert_eq!(reasons(&grid, &store)[6..], ["not made yet"; 3]);

    let images = vec![study.folder.path().join("photos")];
    study.facts.photos.insert(images, scan(13));
    let said = reasons(&study.plan("", &[]), &store);
    assert_eq!(said[0], "photo added: 12.jpg");
    assert_eq!(said[1..3], ["cached", "cached"]);

    store.record_failure(Train, &grid.jobs[6].key, "out of memory").unwrap();
    assert_eq!(reasons(&grid, &store)[6], "out of memory");
}

#[test]
fn estimates_are_scaled_from_similar_jobs_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("", &[]);
    let of = |plan: &Plan| estimate(plan, &status(plan, &store).unwrap(), &store);
    assert_eq!((of(&plan).known, of(&plan).unknown), (0, 6));
    (0..6).for_each(|job| commit(&store, &plan, job, 10.0));
    assert_eq!((of(&plan).known, of(&plan).unknown, of(&plan).seconds), (0, 0, 0.0));
    let longer = study.plan("", &["train.steps=800", "train.rank=8"]);
    // Twice the steps for training, the same images, the same measurements; the adapter is twice as large.
    let cost = of(&longer);
    assert!((cost.seconds - 40.0).abs() < 0.1, "{cost:?}");
    assert_eq!((cost.bytes, cost.known, cost.unknown), (4000, 3, 0));
    study.facts.device_class = "cuda".into();
    assert_eq!(of(&study.plan("", &[])).unknown, 6);
}

#[test]
fn the_table_shows_cells_jobs_reasons_and_cost() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("[sweep]\ndataset.size = [5, 10]", &[]);
    (0..4).for_each(|job| commit(&store, &plan, job, 60.0));
    store.record_failure(Train, &plan.jobs[6].key, "the loss is not finite at step 12").unwrap();
    let statuses = status(&plan, &store).unwrap();
    let cost = estimate(&plan, &statuses, &store);
    insta::assert_snapshot!(table(&plan, &statuses, &cost), @"
    test: A test
      dataset.size=5  (5 photos, 2 held out; 4 of 6 jobs done)
      dataset.size=10  (10 photos, 2 held out; 3 of 6 jobs done)

    stage         cells            state   reason
    prepare       all cells        cached
    baseline      all cells        cached
    class_images  all cells        cached
    train         dataset.size=5   cached
    generate      dataset.size=5   to do   not made yet
    evaluate      dataset.size=5   to do   not made yet
    train         dataset.size=10  failed  the loss is not finite at step 12
    generate      dataset.size=10  to do   not made yet
    evaluate      dataset.size=10  to do   not made yet

    9 jobs: 4 cached, 5 to do
    about 60 s and 1 kB for 1 job, unknown for 4 jobs
    ");
    let value = json(&plan, &statuses, &cost);
    assert_eq!(value["jobs"][6]["state"], "failed");
    assert_eq!(value["cells"][1]["assignments"]["dataset.size"], 10);
    assert_eq!(value["cells"][1]["train_photos"].as_array().unwrap().len(), 10);
    assert_eq!(value["estimate"]["unknown"], 4);
}

#[test]
fn bad_captions_matter_only_if_captions_are_used() {
    let mut study = Study::new(12);
    let images = vec![study.folder.path().join("photos")];
    study.facts.photos.get_mut(&images).unwrap().bad_captions = vec!["photos/03.txt: not UTF-8".into()];
    assert!(study.plan("", &["dataset.size=5"]).notices.is_empty());
    let experiment = study.experiment("", &["dataset.size=5", "dataset.captions=true"]);
    let error = make(&experiment, &study.facts).unwrap_err().to_string();
    assert!(error.contains("captions cannot be used: photos/03.txt: not UTF-8"), "{error}");
}

#[test]
fn captions_that_are_missing_are_told_once() {
    let mut study = Study::new(12);
    let plan = study.plan("[sweep]\ndataset.captions = [true, false]", &["dataset.size=5"]);
    assert_eq!(plan.notices.len(), 1, "{:?}", plan.notices);
    assert!(plan.notices[0].starts_with("No captions were found for the 12 photos"), "{:?}", plan.notices);
}

#[test]
fn twins_stay_on_one_side_and_are_told() {
    let mut study = Study::new(8);
    let images = vec![study.folder.path().join("photos")];
    let before = study.plan("", &["dataset.size=5", "dataset.held_out=1"]);
    let (held, trained) = (before.cells[0].held_out_photos[0].clone(), before.cells[0].train_photos[0].clone());
    let alike = Alike { photos: vec![held.clone(), trained.clone()], mirrored: false };
    study.facts.photos.get_mut(&images).unwrap().alike = vec![alike];
    let plan = study.plan("", &["dataset.size=5", "dataset.held_out=1"]);
    assert!(!plan.cells[0].held_out_photos.contains(&held) && !plan.cells[0].held_out_photos.contains(&trained));
    assert!(plan.notices[0].starts_with("Some photos show nearly the same picture: ("), "{:?}", plan.notices);
    // With all photos alike a part of them can be held out, but nothing is left to train on.
    let all = study.facts.photos[&images].photos.iter().map(|photo| photo.hash.clone()).collect();
    study.facts.photos.get_mut(&images).unwrap().alike = vec![Alike { photos: all, mirrored: false }];
    let experiment = study.experiment("", &["dataset.size=5", "dataset.held_out=1"]);
    let error = make(&experiment, &study.facts).unwrap_err().to_string();
    assert!(error.contains("7 photos left out"), "{error}");
}

/// The keys of a cell, one line per stage.
fn key_lines(plan: &Plan) -> String {
    keys(plan).into_iter().map(|(stage, key)| format!("{stage} {key}\n")).collect()
}

/// Stored results of earlier versions are found by these keys: they change only when a stage's `VERSION` is raised.
#[test]
fn keys_are_those_of_earlier_versions() {
    let mut study = Study::new(12);
    let plain = study.plan("[sweep]\ndataset.size = [5, 10]", &["train.prior_preservation.images=0"]);
    insta::assert_snapshot!(key_lines(&plain), @"
    prepare fa20bae520f55faa472b80a596f27c48
    baseline 565b2066c290de8841a241885d327fde
    train 0c35f287aab6d96159ff2c942c7d662a
    generate 444835923451f41aee809f1e3605452e
    evaluate 76e1531936a65a988c63731ffe077cef
    ");

    let images = vec![study.folder.path().join("photos")];
    let photos = &mut study.facts.photos.get_mut(&images).unwrap().photos;
    for photo in photos.iter_mut().step_by(2) {
        photo.caption = Some(format!("a caption of {}", photo.name));
    }
    photos[3].caption_file = Some("x.caption".into());
    photos[3].caption = Some("told apart".into());
    photos.iter_mut().for_each(|photo| photo.reading = 2);
    let set = [
        "dataset.captions=true",
        "dataset.crop=random",
        "dataset.seed=3",
        "train.lr_scheduler=polynomial",
        "train.lr_power=2",
        "train.lr_warmup_steps=7",
        "train.learning_rate=3e-4",
        "train.max_grad_norm=2",
        "train.prior_preservation.images=6",
        "train.prior_preservation.weight=0.5",
        "train.prior_preservation.seed=11",
        "generate.negative_prompt=blurry",
        "generate.lora_scale=0.5",
        "generate.sampler=dpm++2m-karras",
        "evaluate.probe_every=10",
        "evaluate.drift_prompts=[\"a dog\"]",
        "model.dtype=bf16",
        "model.low_memory=true",
    ];
    insta::assert_snapshot!(key_lines(&study.plan("", &set)), @"
    prepare dc51d20d8561179bff9798a7a732260e
    baseline f3c0f808807761345f43eadfffbcd934
    class_images f27c76521b90f0124215de6e32e6fb87
    train 6df4cf2794ed56e2823956d02db60c70
    generate 3297075ac641ebfb353f3c2f999af4c0
    evaluate ca1993ef4ed5e4c101788bc3017c42b6
    ");

    let restarts = study.plan("", &["train.lr_scheduler=cosine-with-restarts", "train.lr_cycles=3"]);
    let linear = study.plan("", &["train.lr_scheduler=linear", "train.lr_warmup_steps=7"]);
    let trainings = [restarts, linear].map(|plan| keys(&plan)[&Train].clone());
    insta::assert_snapshot!(trainings.join("\n"), @"
    e40cbd940eceb3f29555256cfff44e66
    e4bde6d789f2b735f99df5100e682a1e
    ");
}
