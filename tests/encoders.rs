//! A finished study that gets encoders: nothing is trained, drawn or measured again but what the encoders need.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{SMALL, Study, root};
use runner::records::features::FeatureSet;

const ENCODERS: &str = r#"encoders = [
    { name = "dino", model = "GOLDEN/dino", for = ["identity"] },
    { name = "clip", model = "GOLDEN/clip", for = ["prompt", "identity"] },
]
"#;

/// One size and one image for a prompt; all but one of the photos are held out.
fn study_text(encoders: &str) -> String {
    let text =
        SMALL.replace("[1, 2]", "[1]").replace("held_out = 1", "held_out = 3").replace("images = 2", "images = 0");
    let encoders = encoders.replace("GOLDEN", root().join("tests/golden/vision").to_str().unwrap());
    text.replace("probe_every = 2", &format!("{encoders}probe_every = 2"))
}

/// Artifacts by stage, with the content of `DONE`, which changes if one is made again.
fn artifacts(study: &Study) -> BTreeMap<String, BTreeMap<String, String>> {
    let store = study.path().join("reports/.store");
    let mut found = BTreeMap::new();
    for stage in ["prepare", "baseline", "train", "generate", "evaluate", "features"] {
        let keys = fs::read_dir(store.join(stage)).into_iter().flatten().map(|entry| entry.unwrap());
        let done = |key: fs::DirEntry| {
            let done = fs::read_to_string(key.path().join("DONE")).unwrap();
            (key.file_name().into_string().unwrap(), done)
        };
        found.insert(stage.to_owned(), keys.map(done).collect());
    }
    found
}

/// The rows of a CSV file by column.
fn table(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(folder.join(file)).unwrap().deserialize().map(Result::unwrap).collect()
}

fn features(folder: &Path, name: &str) -> FeatureSet {
    let read = |extension: &str| fs::read(folder.join(format!("features/{name}.{extension}"))).unwrap();
    FeatureSet::parse(&read("json"), &read("safetensors")).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn an_old_store_gets_features_and_nothing_else() {
    let study = Study::new(&study_text(""));
    let report = study.path().join("reports/small");
    study.expect(0, &["study.toml"]);
    let (before, text) = (artifacts(&study), fs::read_to_string(report.join("report.md")).unwrap());
    assert!(text.contains("Likeness is not measured: no encoder is named"), "{text}");

    study.write("study.toml", &study_text(ENCODERS));
    let plan = study.expect(0, &["plan", "study.toml"]);
    assert_eq!(
        plan.lines().filter(|line| line.starts_with("features ") && line.contains("to do")).count(),
        8,
        "{plan}"
    );
    study.expect(0, &["study.toml"]);
    let after = artifacts(&study);
    for (stage, old) in &before {
        let new = &after[stage];
        assert!(old.iter().all(|(key, done)| new.get(key) == Some(done)), "{stage} is made again");
        // The floor of the likeness: prompts with the class word in place of the identifier.
        let more = match stage.as_str() {
            "features" => 8,
            "baseline" => 1,
            _ => 0,
        };
        assert_eq!(new.len(), old.len() + more, "{stage}");
    }
    let status = study.expect(0, &["plan", "study.toml"]);
    assert!(status.contains("0 to do"), "{status}");

    // The numbers follow from the files of the report.
    let cells = table(&report, "cells.csv");
    let number = |name: &str| cells[0][name].parse::<f64>().unwrap();
    let images = table(&report, "images.csv");
    let (photos, drawn) = (features(&report, "dino/photos"), features(&report, "dino/dataset.size-1"));
    assert_eq!((photos.images.len(), photos.mirrored.len()), (4, 4));
    // The training photo is the one with the lower likeness to the three others than identity_train says.
    let subject: Vec<&Vec<f32>> =
        drawn.images.iter().filter(|(file, _)| file.contains("prompt_")).map(|(_, feature)| feature).collect();
    let mean_to =
        |photo: &Vec<f32>| subject.iter().map(|image| cosine(image, photo)).sum::<f64>() / subject.len() as f64;
    let means: Vec<f64> = photos.images.values().map(mean_to).collect();
    let (train, all) = (number("identity_train"), means.iter().sum::<f64>());
    assert!(means.iter().any(|mean| (mean - train).abs() < 1e-6), "{means:?} {train}");
    assert!((number("identity") - (all - train) / 3.0).abs() < 1e-6);
    let names: BTreeSet<&str> = images[0].keys().map(String::as_str).collect();
    for name in ["identity", "identity@clip", "prompt_following", "copying_gap", "contrast"] {
        assert!(names.contains(name), "{names:?}");
    }
    let clip = (features(&report, "clip/baseline"), features(&report, "clip/dataset.size-1"));
    assert_eq!(clip.0.texts.len(), 1);
    let following = |file: &str| cosine(&clip.1.images[file], &clip.0.texts[0]);
    let expected = (following("images/prompt_00_0.png") + following("images/prompt_00_1.png")) / 2.0;
    assert!((number("prompt_following") - expected).abs() < 1e-6);
    for name in ["identity_floor", "identity_ceiling", "identity_range_low", "identity@clip", "class_change_share"] {
        assert!(number(name).is_finite(), "{name}");
    }
    let text = fs::read_to_string(report.join("report.md")).unwrap();
    assert!(text.contains("likeness, base model") && !text.contains("no encoder is named"), "{text}");
    assert!(!text.contains(root().to_str().unwrap()), "{text}");
}

#[test]
fn an_encoder_that_cannot_be_used_is_told_before_anything_is_done() {
    let study = Study::new(&study_text(&ENCODERS.replace("[\"identity\"]", "[\"prompt\"]")));
    let said = study.expect(96, &["study.toml"]);
    assert!(said.contains("the encoder \"dino\"") && said.contains("reads no texts"), "{said}");
    study.write("study.toml", &study_text(&ENCODERS.replace("GOLDEN/dino", "MODEL")));
    let said = study.expect(96, &["study.toml"]);
    assert!(said.contains("config.json"), "{said}");
    study.write("study.toml", &study_text(&ENCODERS.replace("GOLDEN/dino", "nobody/no-such-encoder")));
    // A plan needs no network; a run without it says what is missing.
    let said = study.expect(0, &["plan", "study.toml"]);
    assert!(said.contains("the encoder is not downloaded yet"), "{said}");
    let said = study.expect(96, &["study.toml", "--offline"]);
    assert!(said.contains("nobody/no-such-encoder") && said.contains("the encoder \"dino\""), "{said}");
    assert!(!study.path().join("reports/.store/prepare").exists());
}
