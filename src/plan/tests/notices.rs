//! What the user is told of the photos.

use super::study::Study;
use crate::photos::Alike;
use crate::plan::make;

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
