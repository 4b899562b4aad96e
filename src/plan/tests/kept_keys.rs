//! Keys that must stay as they are, so that stored results are found.

use super::keys::keys;
use super::study::Study;
use crate::plan::Plan;
use crate::stage::Stage::{Features, Train};

/// The keys of a cell's jobs, one line for each stage.
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
    evaluate 85fd70ca5f399326357c21263a47fcc1
    probe e9267259203b1e0c21e601ca2b1ee04a 3eb601dd11a4720a501f30ce668f5a33
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
    evaluate 751de9cbfbee0b092a7dd38958dad3f6
    probe afa739168cad650e5858595abe8a582f f17c4b9407c93653adaa3eab88bbc22c
    ");

    let restarts = study.plan("", &["train.lr_scheduler=cosine-with-restarts", "train.lr_cycles=3"]);
    let linear = study.plan("", &["train.lr_scheduler=linear", "train.lr_warmup_steps=7"]);
    let trainings = [restarts, linear].map(|plan| keys(&plan)[&Train].clone());
    insta::assert_snapshot!(trainings.join("\n"), @"
    e40cbd940eceb3f29555256cfff44e66
    e4bde6d789f2b735f99df5100e682a1e
    ");
}

/// Two encoders, one for both purposes. Its jobs of the stage are those of the photos, of the base model's images with
/// the texts, of those with the class word, and of the cell's images; the other one has no photos.
#[test]
fn keys_of_features_are_those_of_earlier_versions() {
    let mut study = Study::new(12);
    let encoders = "evaluate.encoders=[{name='clip', model='a/b', for=['identity', 'prompt']}, \
                    {name='more', model='c/d', for='prompt'}]";
    let plan = study.plan("", &["train.prior_preservation.images=0", encoders]);
    let of_features = |plan: &Plan| keys(plan)[&Features].replace(' ', "\n");
    insta::assert_snapshot!(of_features(&plan), @"
    0d8a0ec63b384ddfc7cd8f0f215bc06c
    5489c3526780f31c2ce81a4dd1321008
    da64e360d2acafc00ee9a01334b9354b
    1ae0b802bb06b217aff2b76a04d03093
    de3617c683864dd5aa6d7d94a553b61c
    1ac9092dfac5bfbde909819c95509bc1
    ");
}
