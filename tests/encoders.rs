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
    let (photos, drawn) = (features(&report, "dino/photos"), features(&report, "dino/size-1"));
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
    let clip = (features(&report, "clip/baseline"), features(&report, "clip/size-1"));
    assert_eq!(clip.0.texts.len(), 1);
    let following = |file: &str| cosine(&clip.1.images[file], &clip.0.texts[0]);
    let expected = (following("images/prompt_00_0.png") + following("images/prompt_00_1.png")) / 2.0;
    assert!((number("prompt_following") - expected).abs() < 1e-6);
    for name in ["identity_floor", "identity_ceiling", "identity_range_low", "identity@clip", "class_change_share"] {
        assert!(number(name).is_finite(), "{name}");
    }
    let text = fs::read_to_string(report.join("report.md")).unwrap();
    // The encoder has random weights.
    assert!(text.contains("The image encoder dino is blind to this subject"), "{text}");
    assert!(!text.contains("no encoder is named"), "{text}");
    assert!(!text.contains(root().to_str().unwrap()), "{text}");
}

#[test]
fn with_masks_the_likeness_to_the_subject_alone_is_measured() {
    let dino = ENCODERS.lines().filter(|line| !line.contains("clip")).collect::<Vec<_>>().join("\n") + "\n";
    let study = Study::new(&study_text(&dino));
    let report = study.path().join("reports/small");
    study.expect(0, &["study.toml"]);
    let before = artifacts(&study);
    let plain = table(&report, "cells.csv");
    assert!(plain[0]["identity_masked"].is_empty() && plain[0]["identity_masked_share"].is_empty());

    // The left half of three photos is the subject.
    for name in ["00", "01", "02"] {
        let photo = study.path().join(format!("data/photos/{name}.jpg"));
        let (width, height) = image::image_dimensions(&photo).unwrap();
        let mask = image::GrayImage::from_fn(width, height, |x, _| image::Luma([u8::from(2 * x < width) * 255]));
        mask.save(study.path().join(format!("data/photos/{name}.mask.png"))).unwrap();
    }
    study.expect(0, &["study.toml"]);
    let after = artifacts(&study);
    for stage in ["baseline", "train", "generate", "evaluate"] {
        assert_eq!(after[stage], before[stage], "{stage}");
    }
    assert_eq!(after["features"].len(), before["features"].len() + 1, "only photos are shown to the encoder again");
    let cells = table(&report, "cells.csv");
    for (name, value) in &plain[0] {
        assert!(name.starts_with("identity_masked") || cells[0][name] == *value, "{name}");
    }

    // The numbers follow from the files of the report.
    let (photos, drawn) = (features(&report, "dino/photos"), features(&report, "dino/size-1"));
    let floor = features(&report, "dino/class-words");
    assert_eq!((photos.images.len(), photos.mirrored.len(), photos.masked.len()), (4, 4, 3));
    assert!(photos.masked.iter().all(|(file, masked)| cosine(masked, &photos.images[file]) < 0.9999));
    let number = |name: &str| cells[0][name].parse::<f64>().unwrap();
    // The training photo is the one that the score of all masked photos goes without, if it has a mask.
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let to = |set: &FeatureSet, held: &[&String]| {
        let subject = set.images.iter().filter(|(file, _)| file.contains("prompt_"));
        let cosines = subject.flat_map(|(_, image)| held.iter().map(|file| cosine(image, &photos.masked[*file])));
        mean(&cosines.collect::<Vec<_>>())
    };
    let fits = |train: &&String| {
        let held: Vec<&String> = photos.masked.keys().filter(|file| file != train).collect();
        let pairs = held.iter().flat_map(|a| held.iter().filter(move |b| a != *b).map(move |b| (*a, *b)));
        let ceiling: Vec<f64> = pairs.map(|(a, b)| cosine(&photos.images[a], &photos.masked[b])).collect();
        let expected = [to(&drawn, &held), to(&floor, &held), mean(&ceiling)];
        let found = ["identity_masked", "identity_masked_floor", "identity_masked_ceiling"].map(number);
        expected.iter().zip(found).all(|(expected, found)| (expected - found).abs() < 1e-6)
    };
    assert_eq!(photos.images.keys().filter(fits).count(), 1);
    let [score, floor, ceiling] = ["identity_masked", "identity_masked_floor", "identity_masked_ceiling"].map(number);
    if ceiling > floor {
        assert!((number("identity_masked_share") - (score - floor) / (ceiling - floor)).abs() < 1e-6);
    }
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
