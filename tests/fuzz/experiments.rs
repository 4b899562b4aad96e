//! The experiment file, what it extends, the environment, `--set` and `--only`.

use runner::experiment::{Experiment, Overrides, Problems};

use crate::files::Files;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

const FILE: &str = r#"extends = "base.toml"
name = "sizes"
title = "How many?"

[dataset]
images = ["photos", "photos"]
size = 3
resolution = 64
captions = true

[train]
instance_prompt = "a photo of {identifier} {class}, {{wide}}"
learning_rate = 2e-4
alpha = 8
epochs = 3

[train.prior_preservation]
images = 4

[generate]
prompts = ["a {identifier} {class} on the moon", 'x']
seeds = [0, 1]

[sweep]
"dataset.size" = [3, 5]
train.rank = [2, 4]

[[cells]]
dataset.size = 5
train.rank = 64

[[exclude]]
dataset.size = 3
train.rank = 4
"#;

const BASE: &str = r#"[model]
base = "model"
dtype = "bf16"

[subject]
identifier = "aawxbc"
class = "figurine"
name = "crayon boy"

[sweep]
train.steps = [10, 20]
"#;

#[test]
fn experiments() {
    let files = Files::new();
    for folder in ["photos", "model"] {
        std::fs::create_dir(files.path(folder)).expect("a folder is made");
    }
    files.put("model/model_index.json", b"{}");
    let [env, set] = ["RUNNER_TRAIN__SEED=7\nRUNNER_NAME=ci", "generate.steps=3\nsweep.train.rank=[1,2]"];
    let only = "dataset.size=5 train.rank=4";
    let seed = |file: &str| [file, BASE, env, set, only].map(|part| part.as_bytes().to_vec()).to_vec();
    let mut target = Target {
        name: "experiments",
        parts: &[Kind::Text; 5],
        seeds: vec![seed(FILE), seed(runner::experiment::DEFAULTS)],
        inputs: 2000,
        memory: MEMORY,
    };
    target.seeds.push([FILE.as_bytes(), BASE.as_bytes(), b"", b"", b""].map(<[u8]>::to_vec).to_vec());
    fuzz(target, |input| {
        let path = files.put("experiment.toml", &input[0]);
        files.put("base.toml", &input[1]);
        let text = |part: usize| String::from_utf8_lossy(&input[part]).into_owned();
        let overrides = Overrides {
            set: text(3).lines().map(str::to_owned).collect(),
            env: text(2).lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect(),
            current_dir: files.folder().to_owned(),
        };
        match Experiment::load(&path, &overrides) {
            Err(problems) => said(&problems),
            Ok(experiment) => {
                assert!((1..=10_000).contains(&experiment.cells().len()), "{} cells", experiment.cells().len());
                let only: Vec<String> = text(4).lines().map(str::to_owned).collect();
                let chosen = experiment.select(&only).map_or_else(|e| e.to_string(), |_| "chosen".to_owned());
                let warned = experiment.warnings.first().map(|problem| problem.render(true)).unwrap_or_default();
                format!("{chosen} {warned}")
            }
        }
    });
}

/// What a user sees, without the place.
fn said(problems: &Problems) -> String {
    let text = problems.to_string();
    assert!(!text.is_empty(), "an error says nothing");
    text.split_once(": ").map_or_else(String::new, |(_, message)| message.to_owned())
}
