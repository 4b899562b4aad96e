//! How photos are divided and what cells share.

use std::collections::BTreeSet;

use super::study::Study;
use crate::photos::Skipped;
use crate::plan::make;
use crate::stage::{Inputs, Stage};
use Stage::{Baseline, ClassImages, Evaluate, Generate, Prepare, Probe, Train};

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
    assert_eq!(counts, [1, 1, 1, 3, 3, 3, 0, 4]);
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
        assert!(job.cells.iter().all(|cell| plan.cells[*cell].jobs.all(job.stage).contains(&index)));
        assert_eq!(job.key, job.inputs.key_inputs().key(job.stage));
    }
    // A new size trains only the new cell.
    let more = study.plan("[sweep]\ndataset.size = [5, 10, 15, 25]", &[]);
    let old: BTreeSet<_> = plan.jobs.iter().map(|job| &job.key).collect();
    let new: Vec<_> =
        more.jobs.iter().filter(|job| !old.contains(&job.key)).map(|job| (job.stage, &*job.label)).collect();
    assert_eq!(new, [Train, Generate, Evaluate, Probe].map(|stage| (stage, "dataset.size=10")));
}

#[test]
fn probes_ask_every_cell_about_the_same_photos() {
    let mut study = Study::new(30);
    let plan = study.plan("[sweep]\ndataset.size = [15, 5]\ndataset.seed = [0, 1]", &["evaluate.probe_photos=4"]);
    let all: Vec<_> = plan
        .jobs
        .iter()
        .filter_map(|job| match &job.inputs {
            Inputs::Probe(inputs) => Some((job, inputs)),
            _ => None,
        })
        .collect();
    for (job, inputs) in &all {
        let cell = &plan.cells[job.cells[0]];
        assert_eq!((&inputs.photos[..], &inputs.held_out), (&cell.train_photos[..4], &cell.held_out_photos));
        // The base model is asked before any training.
        let needed: Vec<Stage> = job.needs.iter().map(|need| plan.jobs[*need].stage).collect();
        match inputs.train {
            None => assert_eq!((needed, job.cells.len(), &*inputs.subject.name), (vec![Prepare], 2, "shin-chan")),
            Some(_) => assert_eq!((needed, job.cells.len(), &*inputs.subject.name), (vec![Prepare, Train], 1, "")),
        }
    }
    assert_eq!(all.iter().filter(|(_, inputs)| inputs.train.is_none()).count(), 2, "one for each photo seed");
    // Without a limit, the smallest cell has the say.
    let plan = study.plan("[sweep]\ndataset.size = [15, 5]", &[]);
    let photos = plan.jobs.iter().filter_map(|job| match &job.inputs {
        Inputs::Probe(inputs) => Some(inputs.photos.len()),
        _ => None,
    });
    assert_eq!(photos.collect::<Vec<_>>(), [5, 5, 5]);
}

#[test]
fn checkpoints_and_scales_are_swept_without_training_again() {
    let mut study = Study::new(12);
    let sweep = "[sweep]\ngenerate.checkpoint = [100, 200, 400]\ngenerate.lora_scale = [0.5, 1.0]";
    let plan = study.plan(sweep, &["train.keep_every=100"]);
    let count = |stage: Stage| plan.jobs.iter().filter(|job| job.stage == stage).count();
    assert_eq!([Train, Generate, Evaluate, Probe].map(count), [1, 6, 6, 7]);
    assert_eq!(plan.cells[0].label, "generate.checkpoint=100 generate.lora_scale=0.5");
    // The last step is the one that a study without the setting uses.
    let plain = study.plan("", &["train.keep_every=100"]);
    let keys = |plan: &crate::plan::Plan, cell: usize| {
        plan.cells[cell].jobs.iter().map(|(_, job)| plan.jobs[*job].key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&plan, 5), keys(&plain, 0));
}

#[test]
fn encoders_add_features_and_the_floor_of_the_likeness() {
    let mut study = Study::new(12);
    let sweep = "[sweep]\ndataset.size = [5, 6]";
    let without = study.plan(sweep, &[]);
    let both = "evaluate.encoders=[{name='dino', model='a/dino', for='identity'}, \
                {name='clip', model='a/clip', for='prompt'}]";
    let plan = study.plan(sweep, &[both]);
    let old: BTreeSet<_> = plan.jobs.iter().map(|job| &job.key).collect();
    assert!(without.jobs.iter().all(|job| old.contains(&job.key)), "what was made before stays");
    // The identifier is left out; drift prompts and prompts by name are in the first job already.
    let baselines: Vec<_> = plan.jobs.iter().filter(|job| job.stage == Baseline).collect();
    let Inputs::Baseline(floor) = &baselines[1].inputs else { panic!("{:?}", baselines[1].inputs) };
    assert!(
        floor.generate.images.prompts.iter().all(|prompt| prompt.contains("figurine") && !prompt.contains("aawxbc"))
    );
    assert_eq!((floor.generate.baseline_prompts.len(), floor.evaluate.drift_prompts.len()), (0, 0));
    // Photos, two baselines and two cells for dino; clip sees neither photos nor the floor, and reads the prompts.
    let of = |name: &str| {
        let jobs = plan.jobs.iter().filter_map(|job| match &job.inputs {
            Inputs::Features(inputs) if inputs.name == name => Some((job, inputs)),
            _ => None,
        });
        jobs.collect::<Vec<_>>()
    };
    let stages = |name: &str| of(name).iter().map(|(_, inputs)| inputs.of).collect::<Vec<_>>();
    assert_eq!(stages("dino"), [Prepare, Baseline, Baseline, Generate, Generate]);
    assert_eq!(stages("clip"), [Baseline, Generate, Generate]);
    assert_eq!(of("dino")[0].1.images, 24, "each photo and its mirror image");
    let texts = of("clip")[0].1.texts.clone().unwrap();
    assert_eq!(texts, floor.generate.images.prompts);
    for (job, inputs) in of("dino").into_iter().chain(of("clip")) {
        assert_eq!(job.needs.iter().map(|need| &plan.jobs[*need].key).collect::<Vec<_>>(), [&inputs.source]);
    }
    // The measurements of pixels go by the first baseline.
    let evaluate = plan.jobs.iter().find(|job| job.stage == Evaluate).unwrap();
    assert!(!evaluate.needs.contains(&plan.cells[0].jobs.all(Baseline)[1]));
    // A study for prompts alone draws no floor.
    let clip = study.plan(sweep, &["evaluate.encoders=[{name='clip', model='a/clip', for='prompt'}]"]);
    assert_eq!(clip.cells[0].jobs.all(Baseline).len(), 1);
}

#[test]
fn labels_say_what_cells_have_in_common() {
    let mut study = Study::new(12);
    let plan = study.plan("[sweep]\ngenerate.guidance_scale = [1, 7.5]\ntrain.rank = [4, 8]", &[]);
    let baselines: Vec<&str> = plan.jobs.iter().filter(|j| j.stage == Baseline).map(|j| j.label.as_str()).collect();
    assert_eq!(baselines, ["generate.guidance_scale=1", "generate.guidance_scale=7.5"]);
    let plan =
        study.plan("[sweep]\ntrain.prior_preservation.images = [0, 5, 6]\ngenerate.lora_scale = [0.5, 1.0]", &[]);
    assert!(plan.cells[0].jobs.one(ClassImages).is_none() && plan.cells[2].jobs.one(ClassImages).is_some());
    assert_eq!(plan.jobs[plan.cells[0].jobs.all(Train)[0]].label, "train.prior_preservation.images=0");
}

#[test]
fn some_cells_only() {
    let mut study = Study::new(30);
    let plan = study.plan("[sweep]\ndataset.size = [5, 15, 25]", &[]);
    let (keys, whole) = (plan.jobs.iter().map(|job| job.key.clone()).collect::<Vec<_>>(), plan.clone());
    let only = plan.only(&[1]);
    assert_eq!(only.cells.len(), 1);
    assert_eq!(only.jobs.len(), 8);
    assert!(only.jobs.iter().enumerate().all(|(i, job)| job.cells == [0] && job.needs.iter().all(|n| *n < i)));
    assert!(only.jobs.iter().all(|job| keys.contains(&job.key)));
    assert_eq!(only.jobs[only.cells[0].jobs.all(Train)[0]].label, "dataset.size=15");
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
