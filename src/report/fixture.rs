//! A made-up study for the tests of this module.

use image::{Rgb, RgbImage, imageops};
use std::path::Path;

use crate::measures::record::Values;
use crate::report::data::{
    Axis, CellData, Cost, CsvTable, Group, ImageSet, PhotoData, Picture, Problem, ReportFile, Setting, SkippedFile,
    StudyData,
};
use crate::stage::Stage;
use crate::store::{FileEntry, StoredFile};

const PROMPTS: [&str; 2] =
    ["a aawxbc figurine on the beach, wearing a hat", "a aawxbc figurine in the forest, holding a cup"];
const SEEDS: [u64; 2] = [0, 1];
/// Side of the made-up images in pixels.
const SIDE: u32 = 128;

/// A study of sizes 2, 4 and 6 whose last training failed. It names files but has none.
pub(crate) fn study() -> StudyData {
    let mut data = StudyData {
        name: "shinchan".into(),
        file: "shinchan.toml".into(),
        title: "How many photos does one figurine need?".into(),
        axes: vec![Axis { key: "dataset.size".into(), values: vec!["2".into(), "4".into(), "6".into()] }],
        fixed: vec![
            setting("model.base", "models/toyworld"),
            setting("train.learning_rate", "0.0001"),
            setting("train.rank", "4"),
            setting("generate.sampler", "dpm++2m"),
            setting("generate.steps", "25"),
            setting("generate.guidance_scale", "7.5"),
        ],
        cells: [2, 4].into_iter().map(|n| cell(&[("dataset.size", n)], n)).collect(),
        baselines: vec![ImageSet { images: baseline(), cells: vec![0, 1, 2], ..ImageSet::default() }],
        class_images: vec![ImageSet { images: class_images(), cells: vec![0, 1, 2], ..ImageSet::default() }],
        photos: (0..8).map(photo).collect(),
        skipped: vec![SkippedFile { name: "notes.txt".into(), reason: "is not an image".into() }],
        provenance: vec![setting("base model", "9d1c0f2ab4"), setting("runner", "0.1.0")],
        settings_json: r#"{"dataset.size=2":{"train":{"rank":4}}}"#.into(),
        costs: vec![Cost {
            stage: Stage::Train,
            key: "ab12".into(),
            cells: vec!["dataset.size=2".into()],
            created: "2026-08-30T10:00:00Z".into(),
            seconds: 61.5,
            steps_per_second: Some(6.5),
            peak_memory_bytes: Some(1_500_000_000),
            device: "cpu".into(),
            threads: 2,
            runner_version: "0.1.0".into(),
        }],
        ..StudyData::default()
    };
    let mut failed = cell(&[("dataset.size", 6)], 6);
    failed.images.clear();
    failed.adapters.clear();
    failed.metrics = None;
    failed.trained = false;
    failed.loss = CsvTable::default();
    failed.probe = CsvTable::default();
    failed.problems = vec![Problem {
        stage: Stage::Train,
        failed: true,
        reason: "step 17: the loss is not finite; lower the learning rate".into(),
    }];
    data.cells.push(failed);
    data
}

/// Sizes 2 and 4 × ranks 4 and 16, one baseline.
pub(crate) fn two_axes() -> StudyData {
    let mut data = study();
    data.axes.push(Axis { key: "train.rank".into(), values: vec!["4".into(), "16".into()] });
    data.fixed.retain(|s| s.key != "train.rank");
    data.cells =
        [2, 4].into_iter().flat_map(|n| [4, 16].map(|r| cell(&[("dataset.size", n), ("train.rank", r)], n))).collect();
    data
}

/// The study with so many training seeds of each cell. The losses of seeds differ by a little, and not alike
/// everywhere.
pub(crate) fn with_seeds(study: &StudyData, seeds: usize) -> StudyData {
    let mut data = study.clone();
    data.axes.push(Axis { key: "train.seed".into(), values: (0..seeds).map(|seed| seed.to_string()).collect() });
    let repeat = |(index, cell): (usize, &CellData)| {
        let cell = cell.clone();
        (0..seeds).map(move |seed| {
            let mut own = cell.clone();
            own.assignments.push(setting("train.seed", &seed.to_string()));
            (own.label, own.slug) = (format!("{} train.seed={seed}", own.label), format!("{}_{seed}", own.slug));
            (own.train_job, own.image_job) = (own.slug.clone(), own.slug.clone());
            own.train_seed = seed as u64;
            for loss in own.metrics.iter_mut().flat_map(|m| m.get_mut("probe_held_out")) {
                *loss += 0.001 * seed as f64 + 0.0004 * ((index * 3 + seed * 2) % 5) as f64;
            }
            own
        })
    };
    data.cells = study.cells.iter().enumerate().flat_map(repeat).collect();
    data
}

/// The study with pictures: the shipped sample photos, tinted. They are written to the folder `sources`.
pub(crate) fn with_files(mut data: StudyData, sources: &Path) -> StudyData {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/shinchan");
    let load = |i: usize| {
        let photo = image::open(photos.join(format!("{:02}.jpg", i % 30))).expect("sample photo decodes").to_rgb8();
        imageops::resize(&photo, SIDE, SIDE, imageops::FilterType::Triangle)
    };
    let mut wanted: Vec<(String, RgbImage)> = Vec::new();
    for (i, p) in data.photos.iter().enumerate() {
        wanted.extend(p.file.clone().map(|f| (f, load(i))));
    }
    let pictures = data.cells.iter().enumerate().flat_map(|(c, cell)| cell.images.iter().map(move |p| (p, 3 + c)));
    let base = data.baselines.iter().chain(&data.class_images).flat_map(|s| s.images.iter().map(|p| (p, 0)));
    for (p, tint) in pictures.chain(base) {
        let image = load(8 + p.prompt_index * 5 + p.seed as usize);
        wanted.push((p.file.clone(), tinted(&image, tint)));
    }
    let mut files = Vec::new();
    for (i, (to, image)) in wanted.into_iter().enumerate() {
        let from = sources.join(format!("{i:03}.png"));
        image.save(&from).expect("writable folder");
        files.push(ReportFile { to, from: stored(from) });
    }
    for to in data.cells.iter().flat_map(|c| &c.adapters) {
        let from = sources.join("adapter.safetensors");
        std::fs::write(&from, b"not a real adapter").expect("writable folder");
        files.push(ReportFile { to: to.clone(), from: stored(from) });
    }
    data.files = files;
    data
}

/// A file as the store would have it.
fn stored(path: std::path::PathBuf) -> StoredFile {
    let entry = FileEntry::of(&std::fs::read(&path).expect("written before"));
    StoredFile { path, entry }
}

fn tinted(image: &RgbImage, tint: usize) -> RgbImage {
    let mut out = image.clone();
    for Rgb([r, g, b]) in out.pixels_mut() {
        match tint {
            0 => (*r, *g, *b) = (*r / 2 + 60, *g / 2 + 60, *b / 2 + 60),
            t => *b = b.saturating_sub((t * 12) as u8),
        }
    }
    out
}

fn values(numbers: &[(&str, f64)]) -> Values {
    numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn setting(key: &str, value: &str) -> Setting {
    Setting { key: key.into(), value: value.into() }
}

fn photo(i: usize) -> PhotoData {
    let hash = format!("{i:016x}");
    PhotoData {
        name: format!("{i:02}.jpg"),
        file: Some(format!("photos/{hash}.png")),
        hash,
        width: SIDE,
        height: SIDE,
        caption: (i == 1).then(|| "a figurine on a desk".into()),
    }
}

fn picture(folder: &str, group: Group, index: usize, seed: u64, prompt: &str) -> Picture {
    let prefix = match group {
        Group::Baseline => "name_",
        Group::Drift => "drift_",
        Group::Prompt | Group::Class => "",
    };
    Picture {
        file: format!("images/{folder}/{prefix}p{index:02}_s{seed}.png"),
        width: SIDE,
        height: SIDE,
        prompt: prompt.into(),
        prompt_index: index,
        seed,
        group,
        ..Picture::default()
    }
}

fn prompt_images(folder: &str) -> Vec<Picture> {
    let mut out = Vec::new();
    for (i, p) in PROMPTS.iter().enumerate() {
        out.extend(SEEDS.map(|s| picture(folder, Group::Prompt, i, s, p)));
    }
    out.extend(SEEDS.map(|s| picture(folder, Group::Drift, 0, s, "a red ball on a table")));
    out
}

fn baseline() -> Vec<Picture> {
    let mut out: Vec<_> =
        SEEDS.iter().map(|s| picture("baseline", Group::Baseline, 0, *s, "a crayon shin-chan figurine")).collect();
    out.extend(prompt_images("baseline"));
    out
}

fn class_images() -> Vec<Picture> {
    (0..6).map(|s| picture("class", Group::Class, 0, s, "a photo of a figurine")).collect()
}

fn cell(assignments: &[(&str, usize)], size: usize) -> CellData {
    let slug = assignments.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("_");
    let mut images = prompt_images(&slug);
    for (i, p) in images.iter_mut().enumerate() {
        p.nearest_photo = Some(i % size);
        p.values = values(&[
            ("nearest_similarity", 0.9 - 0.05 * size as f64 - 0.01 * i as f64),
            ("baseline_nearest_similarity", 0.4),
            ("baseline_rmse", 0.1 + 0.01 * i as f64),
            ("baseline_ssim", 0.6),
        ]);
    }
    let held_out = 0.30 - 0.01 * size as f64;
    CellData {
        label: assignments.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" "),
        adapters: vec![format!("adapters/{slug}/pytorch_lora_weights.safetensors")],
        train_job: slug.clone(),
        image_job: slug.clone(),
        trained: true,
        probe_photos: 10,
        slug,
        assignments: assignments.iter().map(|(k, v)| setting(k, &v.to_string())).collect(),
        steps: 400,
        epochs: 400.0 / size as f64,
        train_photos: (0..size).collect(),
        held_out_photos: vec![6, 7],
        prompts: PROMPTS.map(str::to_owned).to_vec(),
        drift_prompts: vec!["a red ball on a table".into()],
        seeds: SEEDS.to_vec(),
        baseline: Some(0),
        images,
        loss: loss(size),
        probe: probe(size, held_out),
        metrics: Some(values(&[
            ("probe_train", 0.15 + 0.01 * size as f64),
            ("probe_held_out", held_out),
            ("probe_class", 0.21),
            ("baseline_probe_train", 0.32),
            ("baseline_probe_held_out", 0.31),
            ("baseline_probe_class", 0.2),
            ("drift_rmse", 0.05),
            ("mean_nearest_similarity", 0.7),
            ("max_nearest_similarity", 0.9 - 0.05 * size as f64),
            ("baseline_nearest_similarity", 0.4),
            ("mean_baseline_rmse", 0.12),
            ("photo_similarity", 0.66),
            ("held_out_similarity", 0.72),
            ("variety", 0.2),
            ("baseline_variety", 0.25),
        ])),
        ..CellData::default()
    }
}

/// A noisy, falling loss from a small linear congruence.
fn loss(size: usize) -> CsvTable {
    let mut text = "step,epoch,loss,instance_loss,prior_loss,learning_rate,grad_norm\n".to_owned();
    let mut state = size as u32;
    for step in 1..=400 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 16) / 65536.0;
        let v = (0.12 + 0.02 * size as f64 + 0.15 * (-f64::from(step) / 120.0).exp()) * (0.3 + 1.4 * noise);
        text.push_str(&format!("{step},{},{v:.6},{v:.6},,0.0001,0.5\n", step / size as i32));
    }
    CsvTable::parse(text.as_bytes())
}

fn probe(size: usize, held_out: f64) -> CsvTable {
    let mut text = "step,split,loss\n".to_owned();
    for step in (0..=400).step_by(50) {
        let done = 1.0 - (-f64::from(step) / 120.0).exp();
        text.push_str(&format!("{step},train,{:.6}\n", 0.32 - (0.17 - 0.01 * size as f64) * done));
        text.push_str(&format!("{step},held_out,{:.6}\n", 0.31 - (0.31 - held_out) * done));
    }
    CsvTable::parse(text.as_bytes())
}
