//! A small study in a real store: shared jobs, a failure, a piece that was not run.

use serde_json::json;
use std::path::PathBuf;

use super::collect;
use crate::experiment::Settings;
use crate::plan::{Cell, Job, Plan};
use crate::records::photos::short;
use crate::report::data::Group;
use crate::stage::{ByStage, Stage, fixture};
use crate::store::{Claim, Made, Store};

const SETTINGS: &str = r#"
[model]
base = { folder = "/home/somebody/experiments/models/toyworld" }
dtype = "f32"
device = "cpu"
low_memory = false
[subject]
identifier = "aawxbc"
class = "figurine"
name = "shin-chan"
[dataset]
images = ["/home/somebody/experiments/data/shinchan"]
size = 1
held_out = 1
resolution = 8
crop = "center"
captions = false
seed = 0
[train]
instance_prompt = "a photo of aawxbc figurine"
steps = 4
batch_size = 1
gradient_accumulation = 1
learning_rate = 1e-4
lr_scheduler = "constant"
lr_warmup_steps = 0
lr_cycles = 1
lr_power = 1.0
rank = 4
alpha = 4.0
dropout = 0.0
max_grad_norm = 1.0
gradient_checkpointing = false
checkpoint_every = 2
seed = 0
[train.optimizer]
name = "adamw"
beta1 = 0.9
beta2 = 0.999
epsilon = 1e-8
weight_decay = 0.01
[generate]
sampler = "ddim"
steps = 2
guidance_scale = 1.0
negative_prompt = ""
seeds = [7]
baseline_prompts = ["a shin-chan figurine"]
prompts = ["a aawxbc figurine – on the beach"]
width = 8
height = 8
lora_scale = 1.0
batch_size = 1
[evaluate]
probe_every = 2
probe_timesteps = 2
probe_photos = 2
probe_seed = 0
drift_prompts = ["a red ball"]
"#;

fn hash(i: usize) -> String {
    format!("{i:016x}{:048}", 0)
}

fn settings(size: usize) -> Settings {
    let mut s: Settings = toml::from_str(SETTINGS).expect("settings");
    s.dataset.size = size;
    s.train.recipe.alpha = size as f64;
    s
}

fn owner(plan: &Plan, out: &std::path::Path) -> crate::report::Owner {
    crate::report::Owner::new(std::path::Path::new("small.toml"), plan, out, false)
}

/// Any settings, for tests of other files.
pub(crate) fn test_settings() -> Settings {
    settings(1)
}

/// Two sizes; prepare and baseline are shared.
fn plan() -> Plan {
    let sizes = [1, 2];
    let mut jobs: Vec<Job> = Vec::new();
    let mut job = |stage: Stage, size: usize, needs: Vec<usize>, cells: Vec<usize>| {
        let inputs = fixture::inputs(stage, &settings(size), &size.to_string());
        let label = if cells.len() == 2 { "all cells".to_owned() } else { format!("dataset.size={size}") };
        let key = inputs.key_inputs().key(stage);
        jobs.push(Job { stage, key, inputs, needs, cells, label });
        jobs.len() - 1
    };
    let prepare = job(Stage::Prepare, 0, vec![], vec![0, 1]);
    let baseline = job(Stage::Baseline, 0, vec![], vec![0, 1]);
    let mut cells = Vec::new();
    for (i, size) in sizes.into_iter().enumerate() {
        let train = job(Stage::Train, size, vec![prepare], vec![i]);
        let generate = job(Stage::Generate, size, vec![train], vec![i]);
        let evaluate = job(Stage::Evaluate, size, vec![prepare, baseline, train, generate], vec![i]);
        cells.push(Cell {
            label: format!("dataset.size={size}"),
            slug: format!("dataset.size={size}"),
            assignments: vec![("dataset.size".into(), toml::Value::Integer(size as i64))],
            settings: settings(size),
            train_photos: (0..size).map(hash).collect(),
            held_out_photos: vec![hash(9)],
            jobs: ByStage::from_iter([
                (Stage::Prepare, prepare),
                (Stage::Baseline, baseline),
                (Stage::Train, train),
                (Stage::Generate, generate),
                (Stage::Evaluate, evaluate),
            ]),
        });
    }
    Plan { name: "small".into(), title: "Small".into(), cells, jobs, ..Plan::default() }
}

fn png() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(8, 8, image::Rgb([1, 2, 3]));
    crate::picture::encode_png(&image, &[]).expect("encodes")
}

fn commit(store: &Store, job: &Job, files: &[(&str, Vec<u8>)]) {
    let Ok(Claim::Work(workspace)) = store.claim(job.stage, &job.inputs.key_inputs()) else {
        panic!("the job is free")
    };
    for (name, bytes) in files {
        workspace.write(name, bytes).expect("writes");
    }
    let made = Made { seconds: 1.5, device: "cpu".into(), threads: 2 };
    workspace.commit(&made).expect("commits");
}

fn images(groups: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let entry = |(group, prompt): &(&str, &str)| {
        let file = format!("images/{group}_00_7.png");
        json!({"file": file, "prompt": prompt, "seed": 7, "group": group})
    };
    let list = json!({
        "images": groups.iter().map(entry).collect::<Vec<_>>(),
        "settings": {"sampler": "ddim", "steps": 2, "guidance_scale": 1.0, "negative_prompt": "", "width": 8,
            "height": 8,
            "lora_scale": 1.0},
    });
    let mut files = vec![("images.json".to_owned(), list.to_string().into_bytes())];
    files.extend(groups.iter().map(|(group, _)| (format!("images/{group}_00_7.png"), png())));
    files
}

fn commit_images(store: &Store, job: &Job, groups: &[(&str, &str)]) {
    let files = images(groups);
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    commit(store, job, &files);
}

/// The first cell done, the second one's training failed.
fn store(plan: &Plan) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(dir.path()).expect("opens");
    let photo =
        |i: usize| json!({"hash": hash(i), "name": format!("{i}.jpg"), "width": 9, "height": 9, "caption": null});
    let list = json!({
        "photos": [photo(0), photo(1), photo(5), photo(9)],
        "skipped": [{"path": "/home/somebody/data/notes.txt", "reason": "not an image"}],
    });
    let names: Vec<String> = [0, 1, 5, 9].map(|i| format!("photos/{}.png", short(&hash(i)))).to_vec();
    let mut files = vec![("photos.json", list.to_string().into_bytes())];
    files.extend(names.iter().map(|n| (n.as_str(), png())));
    commit(&store, &plan.jobs[0], &files);
    let prompt = "a aawxbc figurine – on the beach";
    commit_images(
        &store,
        &plan.jobs[1],
        &[("baseline", "a shin-chan figurine"), ("prompt", prompt), ("drift", "a red ball")],
    );
    commit(
        &store,
        &plan.jobs[2],
        &[
            ("loss.csv", b"step,loss,instance_loss\n1,0.5,0.5\n2,0.25,0.25\n".to_vec()),
            ("probe.csv", b"step,split,loss\n0,held_out,0.5\n4,held_out,0.25\n".to_vec()),
            ("timing.csv", b"step,seconds\n1,9\n2,0.5\n3,0.5\n4,0.5\n".to_vec()),
            ("pytorch_lora_weights.safetensors", b"weights".to_vec()),
        ],
    );
    commit_images(&store, &plan.jobs[3], &[("prompt", prompt), ("drift", "a red ball")]);
    let values = json!({"nearest_photo": 0, "nearest_similarity": 0.75, "baseline_rmse": 0.125, "baseline_ssim": 0.5});
    let metrics = json!({
        "version": 1,
        "images": [{"file": "images/prompt_00_7.png", "values": values}],
        "summary": {"probe_held_out": 0.25, "baseline_probe_held_out": 0.5, "a_number_of_a_later_version": 1},
    });
    commit(&store, &plan.jobs[4], &[("metrics.json", metrics.to_string().into_bytes())]);
    let failed = &plan.jobs[5];
    store.record_failure(failed.stage, &failed.key, "the loss is not finite, see /tmp/a/b/log").expect("records");
    (dir, store)
}

#[test]
fn a_study_is_collected_with_what_is_missing() {
    let plan = plan();
    let (_dir, store) = store(&plan);
    let data = collect(&plan, &store, None).expect("collects");

    assert_eq!(data.axes.len(), 1);
    assert_eq!(data.axes[0].values, ["1", "2"]);
    assert_eq!(data.derived.iter().map(|a| a.key.as_str()).collect::<Vec<_>>(), ["train.alpha"]);
    let fixed = |key: &str| data.fixed.iter().find(|s| s.key == key).map(|s| s.value.as_str());
    assert_eq!(fixed("model.base"), Some("models/toyworld"));
    assert_eq!(fixed("dataset.images"), Some("data/shinchan"));

    // Only photos some cell uses; the skipped file without its folder.
    assert_eq!(data.photos.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["0.jpg", "1.jpg", "9.jpg"]);
    assert_eq!(data.skipped[0].name, "notes.txt");

    assert_eq!(data.baselines.len(), 1);
    assert_eq!(data.baselines[0].cells, [0, 1]);
    let groups: Vec<Group> = data.baselines[0].images.iter().map(|p| p.group).collect();
    assert_eq!(groups, [Group::Baseline, Group::Prompt, Group::Drift]);

    let [done, failed] = data.cells.as_slice() else { panic!("two cells") };
    assert!(done.problems.is_empty());
    assert_eq!((done.train_photos.as_slice(), done.held_out_photos.as_slice()), (&[0][..], &[2][..]));
    assert_eq!(done.loss.rows.len(), 2);
    assert_eq!(done.probe.probe("held_out"), [(0.0, 0.5), (4.0, 0.25)]);
    assert_eq!(done.value("probe_held_out"), Some(0.25));
    let picture = done.picture(Group::Prompt, 0, 7).expect("an image");
    assert_eq!(picture.file, "images/dataset.size=1/p00_s7.png");
    assert_eq!((picture.nearest_photo, picture.values.get("nearest_similarity")), (Some(0), Some(&0.75)));
    assert_eq!(done.adapters, ["adapters/dataset.size=1/pytorch_lora_weights.safetensors"]);

    // One reason, not three: images and numbers are missing because the training failed.
    let reasons: Vec<_> = failed.problems.iter().map(|p| (p.stage, p.failed, p.reason.as_str())).collect();
    assert_eq!(reasons, [(Stage::Train, true, "the loss is not finite, see b/log")]);
    assert_eq!(failed.train_photos, [0, 1]);
    assert_eq!(failed.baseline, Some(0));

    assert_eq!(data.costs.len(), 5);
    assert_eq!(data.costs[2].steps_per_second, Some(2.0));
    assert_eq!(data.costs[0].cells, ["dataset.size=1", "dataset.size=2"]);
}

#[test]
fn the_folder_has_nothing_of_this_machine() {
    let plan = plan();
    let (dir, store) = store(&plan);
    let out = dir.path().join("report");
    crate::report::build(&plan, &store, &out, &owner(&plan, &out), crate::report::Extras::default()).expect("builds");
    for name in ["index.html", "report.md", "cells.csv", "grid.png"] {
        let bytes = std::fs::read(out.join(name)).expect("is there");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("/home/somebody") && !text.contains(&*dir.path().to_string_lossy()), "{name}");
    }
    let sheet = std::fs::read(out.join("grid.png")).expect("is there");
    let info = png::Decoder::new(std::io::Cursor::new(sheet)).read_info().expect("reads");
    let chunks = &info.info().uncompressed_latin1_text;
    let text = &chunks.iter().find(|c| c.keyword == "settings").expect("a settings chunk").text;
    let settings: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(settings["dataset.size=1"]["generate.prompts"], "a aawxbc figurine – on the beach");
    assert!(out.join("adapters/dataset.size=1/pytorch_lora_weights.safetensors").is_file());
}

#[test]
fn an_empty_store_is_a_report_of_what_is_to_come() {
    let plan = plan();
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(&dir.path().join("store")).expect("opens");
    let out: PathBuf = dir.path().join("report");
    let data = crate::report::build(&plan, &store, &out, &owner(&plan, &out), crate::report::Extras::default())
        .expect("builds");
    assert_eq!(data.cells[0].problems[0].reason, "not run yet");
    assert!(!data.cells[0].problems.iter().any(|p| p.failed));
    assert_eq!(data.cells[0].train_photos.len(), 1);
    assert!(out.join("index.html").is_file());
}
