//! What is said of a plan beside a store.

use super::study::{Study, scan};
use crate::plan::{JobStatus, Plan, estimate, json, status, table};
use crate::stage::Stage::Train;
use crate::store::{Claim, Made, Store};

/// Commits a made-up result for a job.
fn commit(store: &Store, plan: &Plan, index: usize, seconds: f64) {
    let job = &plan.jobs[index];
    let Claim::Work(workspace) = store.claim(job.stage, &job.inputs.key_inputs()).unwrap() else { panic!("not to do") };
    workspace.write("result.txt", &[b'x'; 1000]).unwrap();
    workspace.commit(&Made { seconds, device: "cpu".into(), threads: 1 }).unwrap();
}

fn reasons(plan: &Plan, store: &Store) -> Vec<String> {
    let said = |status: &JobStatus| match status {
        JobStatus::Cached => "cached".to_owned(),
        JobStatus::Todo { reason }
        | JobStatus::Damaged { reason }
        | JobStatus::Raced { reason }
        | JobStatus::Failed { reason } => reason.clone(),
    };
    status(plan, store).unwrap().iter().map(said).collect()
}

#[test]
fn reasons_are_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("", &[]);
    assert_eq!(reasons(&plan, &store), ["not made yet"; 8]);
    (0..8).for_each(|job| commit(&store, &plan, job, 1.0));
    assert_eq!(reasons(&plan, &store), ["cached"; 8]);

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
    assert_eq!(said[6..], ["trained again", "cached"]);

    // Cells of this plan that are done already are no reason.
    let grid = study.plan("[sweep]\ndataset.size = [5, 6]", &[]);
    assert_eq!(reasons(&grid, &store)[8..], ["not made yet"; 4]);

    let images = vec![study.folder.path().join("photos")];
    study.facts.photos.insert(images, scan(13));
    let said = reasons(&study.plan("", &[]), &store);
    assert_eq!(said[0], "photo added: 12.jpg");
    assert_eq!(said[1..3], ["cached", "cached"]);

    store.record_failure(Train, &grid.jobs[8].key, "out of memory").unwrap();
    assert_eq!(reasons(&grid, &store)[8], "out of memory");
}

#[test]
fn estimates_are_scaled_from_similar_jobs_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("", &[]);
    let of = |plan: &Plan| estimate(plan, &status(plan, &store).unwrap(), &store);
    assert_eq!((of(&plan).known, of(&plan).unknown), (0, 8));
    (0..8).for_each(|job| commit(&store, &plan, job, 10.0));
    assert_eq!((of(&plan).known, of(&plan).unknown, of(&plan).seconds), (0, 0, 0.0));
    let longer = study.plan("", &["train.steps=800", "train.rank=8"]);
    // Twice the steps for training, the same images, measurements and probes; the adapter is twice as large.
    let cost = of(&longer);
    assert!((cost.seconds - 50.0).abs() < 0.1, "{cost:?}");
    assert_eq!((cost.bytes, cost.known, cost.unknown), (5000, 4, 0));
    study.facts.device_class = "cuda".into();
    assert_eq!(of(&study.plan("", &[])).unknown, 8);
}

#[test]
fn the_table_shows_cells_jobs_reasons_and_cost() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut study = Study::new(12);
    let plan = study.plan("[sweep]\ndataset.size = [5, 10]", &[]);
    (0..4).for_each(|job| commit(&store, &plan, job, 60.0));
    store.record_failure(Train, &plan.jobs[8].key, "the loss is not finite at step 12").unwrap();
    let statuses = status(&plan, &store).unwrap();
    let cost = estimate(&plan, &statuses, &store);
    let mut memory = vec![None; plan.jobs.len()];
    (memory[0], memory[3], memory[8]) = (Some(81_000_000), Some(1_240_000_000), Some(1_310_000_000));
    insta::assert_snapshot!(table(&plan, &statuses, &cost, &memory), @"
    test: A test
      dataset.size=5  (5 photos, 2 held out; 4 of 8 jobs done)
      dataset.size=10  (10 photos, 2 held out; 3 of 8 jobs done)
      images: dpm++2m, 25 steps; class images: dpm++2m, 25 steps

    stage         cells                   state   reason
    prepare       all cells               cached
    baseline      all cells               cached
    class_images  all cells               cached
    train         dataset.size=5          cached
    generate      dataset.size=5          to do   not made yet
    evaluate      dataset.size=5          to do   not made yet
    probe         dataset.size=5          to do   not made yet
    probe         all cells (base model)  to do   not made yet
    train         dataset.size=10         failed  the loss is not finite at step 12
    generate      dataset.size=10         to do   not made yet
    evaluate      dataset.size=10         to do   not made yet
    probe         dataset.size=10         to do   not made yet

    12 jobs: 4 cached, 8 to do
    about 60 s and 1 kB for 1 job, unknown for 7 jobs
    memory at most, predicted: prepare 81 MB, train 1.3 GB
    ");
    let several = study.plan("[sweep]\ngenerate.sampler = ['euler', 'ddim']", &["train.prior_preservation.images=0"]);
    let text = table(&several, &status(&several, &store).unwrap(), &cost, &[]);
    assert!(text.contains("\n  images: euler, 25 steps | ddim, 25 steps\n"), "{text}");
    let value = json(&plan, &statuses, &cost, &memory);
    assert_eq!(value["jobs"][8]["state"], "failed");
    assert_eq!(value["jobs"][8]["memory_bytes"], 1_310_000_000u64);
    assert_eq!(value["cells"][1]["assignments"]["dataset.size"], 10);
    assert_eq!(value["cells"][1]["train_photos"].as_array().unwrap().len(), 10);
    assert_eq!(value["estimate"]["unknown"], 7);
}
