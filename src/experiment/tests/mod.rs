//! The whole way from text to cells.

mod encoders;
mod grid;
mod layers;
mod messages;
mod race;
mod ranges;

use tempfile::TempDir;

use super::{Experiment, Overrides};

/// A study that is right; the tests extend it with one thing.
const BASE: &str = r#"
[model]
base = "model"
[subject]
identifier = "aawxbc"
class = "figurine"
[dataset]
images = "photos"
size = 25
resolution = 128
"#;

/// A folder with a model, photos and `base.toml`.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["model", "photos", "more photos", "empty-model"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    for name in ["model/model_index.json", "weights.safetensors", "weights.ckpt"] {
        std::fs::write(dir.path().join(name), "{}").unwrap();
    }
    std::fs::write(dir.path().join("base.toml"), BASE).unwrap();
    dir
}

fn load_in(dir: &TempDir, text: &str, set: &[&str], env: &[(&str, &str)]) -> Result<Experiment, String> {
    let path = dir.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    let overrides = Overrides {
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        env: env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        current_dir: dir.path().to_owned(),
    };
    let here = format!("{}/", dir.path().display());
    Experiment::load(&path, &overrides).map_err(|problems| problems.to_string().replace(&here, ""))
}

/// Loads `text` on top of `base.toml`. The first line of `text` is line 2.
fn load(text: &str) -> Result<Experiment, String> {
    load_in(&folder(), &format!("extends = \"base.toml\"\n{text}"), &[], &[])
}

#[track_caller]
fn errors(text: &str) -> String {
    load(text).expect_err("should be refused")
}

#[track_caller]
fn warnings(text: &str) -> String {
    let experiment = load(text).unwrap_or_else(|e| panic!("{e}"));
    let here = experiment.file.parent().unwrap().display().to_string() + "/";
    let shown: Vec<String> = experiment.warnings.iter().map(|w| w.render(false).replace(&here, "")).collect();
    shown.join("\n\n")
}

#[track_caller]
fn labels(text: &str) -> Vec<String> {
    load(text).unwrap_or_else(|e| panic!("{e}")).cells().iter().map(|cell| cell.label.clone()).collect()
}

#[test]
fn default_file_is_a_good_start() {
    // With the needed lines filled in, the copy of the defaults is a study.
    let text = super::DEFAULTS
        .replace("# base = \"owner/name\"  ", "base = \"model\" ")
        .replace("# identifier =", "identifier =")
        .replace("# class =", "class =")
        .replace("# images =", "images =")
        .replace("# size =", "size =");
    let experiment = load_in(&folder(), &text, &[], &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(experiment.cells().len(), 1);
    assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
}

mod any_input {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn never_panics(text in "(\\[?\\[?(train|sweep|cells|dataset|x)(\\.(rank|size|seed|y))?\\]?\\]?|(rank|size|seeds|\"a\\.b\") ?= ?(0|-1|1e99|nan|\\[1,2\\]|\"\\{é\"|\\{a=1\\}|9{30})|[ -~é]{0,8}|\n){0,12}") {
            let _ = load(&text);
            let _ = load_in(&folder(), "extends = 'base.toml'", &[&text], &[("RUNNER_TRAIN__X", &text)]);
        }
    }
}
