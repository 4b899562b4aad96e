//! A study on a small Stable Diffusion XL model, from photos to a report, with the real binary.

mod common;
#[path = "common/sdxl.rs"]
mod sdxl;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{SMALL, Study, assert_same, run_until};
use runner::records::adapters::{DIFFUSERS, KOHYA};

/// The only artifact of a stage.
fn artifact(study: &Study, stage: &str) -> PathBuf {
    let mut all = fs::read_dir(study.path().join("reports/.store").join(stage)).unwrap();
    let one = all.next().unwrap().unwrap().path();
    assert!(all.next().is_none(), "{stage} has more than one artifact");
    one
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The model, the same for all studies, because results name its folder.
static MODEL: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    sdxl::write(folder.path());
    folder
});

/// A study of one cell.
fn study() -> Study {
    let text = SMALL.split("[sweep]").next().unwrap().replace("MODEL", MODEL.path().to_str().unwrap());
    Study::new(&text.replace("resolution = 64", "resolution = 32").replace("seeds = [0, 1]", "seeds = [0]"))
}

#[test]
fn from_photos_to_a_report() {
    let study = study();
    study.expect(0, &["plan", "study.toml"]);
    study.expect(0, &["study.toml", "--set", "train.steps=4"]);
    assert!(study.path().join("reports/small/index.html").is_file());

    // 00.jpg to 03.jpg, scaled to 32 pixels: the crop is recorded as top and left.
    let photos = json(&artifact(&study, "prepare").join("photos.json"));
    for photo in photos["photos"].as_array().unwrap() {
        let side = |name: &str| photo[name].as_u64().unwrap();
        let short = side("width").min(side("height"));
        let middle = |side: u64| {
            let room = 32 * side / short - 32;
            room / 2 + u64::from(room % 4 == 3)
        };
        let expected = serde_json::json!([middle(side("height")), middle(side("width"))]);
        assert_eq!(photo["crop"], expected, "{photo}");
    }

    let trained = artifact(&study, "train");
    let told = study.expect(0, &["lora", "inspect", "--metadata", trained.join(KOHYA).to_str().unwrap()]);
    assert!(told.contains("sdxl_base_v1-0") && told.contains("stable-diffusion-xl-v1-base/lora"), "{told}");

    let draw = |out: &str, more: &[&str]| {
        let words = "generate --width 64 --height 32 --steps 2 --sampler euler --prompt photo --output";
        let words: Vec<&str> = words
            .split(' ')
            .chain([out, "--model", MODEL.path().to_str().unwrap()])
            .chain(more.iter().copied())
            .collect();
        study.expect(0, &words);
        fs::read(study.path().join(out)).unwrap()
    };
    let plain = draw("plain.png", &[]);
    assert_eq!(image::load_from_memory(&plain).unwrap().into_rgb8().dimensions(), (64, 32));
    assert_ne!(plain, draw("adapted.png", &["--lora", trained.join(DIFFUSERS).to_str().unwrap()]));
}

/// A training that is stopped and goes on has the files of one that is not.
#[test]
fn a_resumed_study_is_an_undisturbed_one() {
    let (whole, stopped) = (study(), study());
    whole.expect(0, &["study.toml"]);
    run_until(&stopped, "job_progress", "train", |child| child.kill().unwrap());
    stopped.expect(0, &["study.toml"]);
    assert_same(&whole.results(), &stopped, "a study that was killed");
}
