//! A study whose photos and model are made up.

use tempfile::TempDir;

use crate::choice::Sampler;
use crate::experiment::{Experiment, Overrides};
use crate::photos::{Format, Photo, Scan};
use crate::plan::{Facts, Plan, make};

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
pub(super) struct Study {
    pub(super) folder: TempDir,
    pub(super) facts: Facts,
}

impl Study {
    pub(super) fn new(photos: usize) -> Self {
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

    pub(super) fn experiment(&self, text: &str, set: &[&str]) -> Experiment {
        let path = self.folder.path().join("study.toml");
        std::fs::write(&path, format!("{STUDY}\n{text}")).unwrap();
        let set = set.iter().map(|s| (*s).to_owned()).collect();
        let overrides = Overrides { set, current_dir: self.folder.path().to_owned(), ..Overrides::default() };
        Experiment::load(&path, &overrides).unwrap_or_else(|e| panic!("{e}"))
    }

    pub(super) fn plan(&mut self, text: &str, set: &[&str]) -> Plan {
        let experiment = self.experiment(text, set);
        for cell in experiment.cells() {
            // The same content wherever the model lies.
            let sources = cell.settings.model.sources();
            self.facts.base_hashes.entry(sources.clone()).or_insert_with(|| "base-hash".to_owned());
            self.facts.usual_samplers.entry(sources).or_insert(Sampler::DpmPp2m);
        }
        for encoder in &experiment.settings.evaluate.encoders {
            self.facts.encoder_hashes.insert(encoder.model.clone(), format!("hash of {}", encoder.name));
        }
        make(&experiment, &self.facts).unwrap_or_else(|e| panic!("{e}"))
    }
}

/// Made-up photos.
pub(super) fn scan(photos: usize) -> Scan {
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
