//! Every experiment that ships is read and planned.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use runner::experiment::{Experiment, Overrides};
use runner::photos::Memory;
use runner::plan::{self, Facts, Plan};
use runner::stage::Stage;

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments")
}

/// A folder of small photos, each another colour.
fn photos(number: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..number {
        let image = image::RgbImage::from_pixel(64, 64, image::Rgb([i, 100, 255 - i]));
        image.save(folder.path().join(format!("{i:02}.png"))).unwrap();
    }
    folder
}

fn make(experiment: &Experiment) -> Plan {
    let bases = experiment.cells().iter().map(|cell| (cell.settings.model.sources(), "base".to_owned()));
    let photos = Facts::gather(experiment, &mut Memory::default()).unwrap();
    let facts = Facts { base_hashes: bases.collect(), device_class: "cpu".to_owned(), ..photos };
    plan::make(experiment, &facts).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_experiment_is_read_and_planned_without_a_warning() {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(experiments()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut overrides = Overrides::default();
        // The template's photos are the user's own: here are some.
        let folder = photos(30);
        if name == "photos" && !experiments().join("photos").exists() {
            let problems = Experiment::load(&path, &overrides).unwrap_err().to_string();
            assert!(problems.contains("`dataset.images`: photos does not exist"), "{problems}");
            assert_eq!(problems.matches("photos.toml:").count(), 1, "{problems}");
            overrides.set.push(format!("dataset.images={}", folder.path().display()));
        }
        // The benchmark's recipe: what each subject adds.
        if name == "dreambooth" {
            let images = format!("dataset.images={}", folder.path().display());
            overrides.set.extend([images, "dataset.size=4".to_owned(), "subject.class=toy".to_owned()]);
        }
        let experiment = Experiment::load(&path, &overrides).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
        let plan = make(&experiment);
        assert!(!plan.jobs.is_empty());
        seen.insert(name);
    }
    assert!(seen.contains("shinchan") && seen.contains("photos"), "{seen:?}");
}

#[test]
fn the_shipped_study_is_the_one_the_readme_speaks_of() {
    let experiment = Experiment::load(&experiments().join("shinchan.toml"), &Overrides::default()).unwrap();
    let plan = make(&experiment);
    let labels: Vec<&str> = plan.cells.iter().map(|cell| cell.label.as_str()).collect();
    assert_eq!(labels.len(), 9);
    assert_eq!([labels[0], labels[8]], ["dataset.size=5 train.seed=0", "dataset.size=25 train.seed=2"]);
    assert!(plan.cells.iter().all(|cell| cell.held_out_photos.len() == 5));
    let settings = &experiment.settings;
    assert_eq!((settings.subject.identifier.as_str(), settings.subject.class.as_str()), ("aawxbc", "figurine"));
    assert_eq!(plan.jobs.iter().filter(|job| job.stage == Stage::Train).count(), 9);
    assert_eq!(plan.jobs.iter().filter(|job| job.stage == Stage::Baseline).count(), 1);
}
