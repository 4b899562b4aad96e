//! What cannot work is refused before anything slow is done, and said in a way that helps.

use assert_cmd::Command;
use candle_core::{Device, Tensor};
use runner::tensors::tensor_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn model() -> String {
    format!("{ROOT}/experiments/models/toyworld")
}

/// Runs the program in a folder; exit code and everything it said.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::cargo_bin("runner").unwrap();
    command.current_dir(folder).env_clear().env("HOME", folder).envs(environment.iter().copied()).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

fn generate(folder: &Path, more: &[&str]) -> (i32, String) {
    let model = model();
    let all = ["generate", "--model", &model, "--prompt", "a ball", "--width", "32", "--height", "32"];
    run(folder, &[&all, more].concat(), &[("RUST_BACKTRACE", "1"), ("RUST_LIB_BACKTRACE", "1")])
}

/// A study of one cell that a plan can be made of.
fn study(folder: &Path, end: &str) -> PathBuf {
    let path = folder.join("x.toml");
    let text = format!(
        "name = \"x\"\n[model]\nbase = \"{}\"\n[subject]\nidentifier = \"aawxbc\"\nclass = \"figurine\"\n\
         [dataset]\nimages = \"{ROOT}/experiments/data/shinchan\"\nheld_out = 1\nresolution = 64\nsize = 2\n{end}",
        model()
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn plan(folder: &Path, set: &[&str]) -> (i32, String) {
    let file = study(folder, "");
    let mut arguments = vec!["plan", file.to_str().unwrap()];
    for assignment in set {
        arguments.extend(["--set", assignment]);
    }
    run(folder, &arguments, &[])
}

#[test]
fn an_image_is_a_png_or_the_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["picture.jpg", "picture.webp", "out/picture.JPEG"] {
        let (code, said) = generate(folder.path(), &["-o", name]);
        assert!(code == 2 && said.contains("PNG") && said.contains("picture.png"), "{name}: {code} {said}");
    }
    std::fs::write(folder.path().join("taken"), b"").unwrap();
    let (code, said) = generate(folder.path(), &["-o", "taken/a.png"]);
    assert!(code == 2 && said.contains("taken is a file"), "{code} {said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_adapter_is_a_safetensors_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ckpt", "a.pt"] {
        let (code, said) = run(folder.path(), &["lora", "convert", "x.safetensors", "--to", "kohya", "-o", name], &[]);
        assert!(code == 2 && said.contains(".safetensors"), "{name}: {code} {said}");
    }
}

#[test]
fn an_image_of_nan_is_told_without_a_backtrace_and_without_wrong_advice() {
    let folder = tempfile::tempdir().unwrap();
    let layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v.lora";
    let huge = |shape: [usize; 2]| Tensor::full(1e30f32, shape.as_slice(), &Device::Cpu).unwrap();
    let tensors = BTreeMap::from([
        (format!("{layer}.down.weight"), huge([1, 224])),
        (format!("{layer}.up.weight"), huge([224, 1])),
    ]);
    let file = tensor_file::write(&tensors, &BTreeMap::new()).unwrap();
    std::fs::write(folder.path().join("huge.safetensors"), file).unwrap();
    for dtype in ["f32", "f16"] {
        let (code, said) = generate(folder.path(), &["--steps", "1", "--lora", "huge.safetensors", "--dtype", dtype]);
        assert!(code != 0 && said.contains("weaker adapter"), "{dtype}: {code} {said}");
        // On a CPU activations are f32 whatever the weights are.
        assert!(!said.contains("f32") && !said.contains(".rs:"), "{dtype}: {said}");
    }
    let (code, said) = generate(folder.path(), &["--lora", "huge.safetensors:1e30"]);
    assert!(code == 2 && said.contains("from -10 to 10"), "{code} {said}");
}

#[test]
fn step_counts_that_a_sampler_cannot_do_are_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    for sampler in ["dpm++2m", "unipc", "ddim", "pndm", "euler", "euler-a"] {
        let sampler_is = format!("generate.sampler={sampler}");
        let (code, said) = plan(folder.path(), &[&sampler_is, "generate.steps=1000"]);
        assert!(
            code == 96 && said.contains("generate.steps") && said.contains("at most 99"),
            "{sampler}: {code} {said}"
        );
        let (code, said) = generate(folder.path(), &["--sampler", sampler, "--steps", "1000"]);
        assert!(code == 2 && said.contains("1000 steps"), "{sampler}: {code} {said}");
        assert_eq!(plan(folder.path(), &[&sampler_is, "generate.steps=998"]).0, 0, "{sampler}");
    }
    assert_eq!(plan(folder.path(), &["generate.sampler=dpm++2m-karras", "generate.steps=1000"]).0, 0);
    // What the model's own sampler cannot do is told at the setting that asks for it.
    let both = ["generate.timestep_spacing=trailing", "generate.sigmas=beta"];
    let (code, said) = plan(folder.path(), &both);
    assert!(code == 96 && said.contains("generate.timestep_spacing") && said.contains("of dpm++2m decide"), "{said}");
    let (code, said) = generate(folder.path(), &["--spacing", "trailing", "--sigmas", "beta"]);
    assert!(code == 2 && said.contains("of dpm++2m decide"), "{code} {said}");
    let class_images = ["train.prior_preservation.images=1", "train.prior_preservation.steps=1000"];
    let (code, said) = plan(folder.path(), &class_images);
    assert!(code == 96 && said.contains("train.prior_preservation.steps"), "{code} {said}");
    assert_eq!(plan(folder.path(), &["train.prior_preservation.images=0", class_images[1]]).0, 0);
}

#[test]
fn words_of_the_subject_have_no_braces() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in [
        ("identifier", "{class}"),
        ("identifier", "{name}"),
        ("identifier", "a{b"),
        ("class", "{identifier}"),
        ("class", "toy {name}"),
        ("name", "{identifier}"),
        ("name", "}}"),
    ] {
        let (code, said) = plan(folder.path(), &[&format!("subject.{key}=\"{value}\"")]);
        assert!(code == 96 && said.contains(&format!("subject.{key}")) && said.contains("braces"), "{value}: {said}");
    }
    // In a prompt, doubled braces are meant.
    assert_eq!(plan(folder.path(), &["generate.prompts=[\"a {identifier} {{x}}\"]"]).0, 0);
}

#[test]
fn too_many_cells_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let cells = "[[cells]]\n".to_owned() + &"[[cells]]\ntrain.seed = 1\n".repeat(10_001);
    for (end, words) in [
        (cells.clone(), "there are 10002 `[[cells]]`"),
        (format!("[sweep]\ntrain.seed = [1, 2]\n{cells}"), "the grid has 2 cells, and there are 10002 `[[cells]]`"),
    ] {
        let file = study(folder.path(), &end);
        let (code, said) = run(folder.path(), &["plan", file.to_str().unwrap()], &[]);
        assert!(code == 96 && said.contains(words), "{code} {}", &said[..said.len().min(500)]);
    }
}
