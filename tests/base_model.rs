//! Base models as people have them: files that change, that are something else, that ask for something else.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use candle_core::Device;
use runner::event::Event;
use runner::experiment::settings::{Base, Dtype};
use runner::hashing::HashCache;
use runner::worker::{Access, BaseModel, StopFlag};
use serde_json::{Value, json};
use tempfile::TempDir;

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of the small model that can be changed.
struct Model(TempDir);

impl Model {
    fn new() -> Self {
        let model = Self(tempfile::tempdir().unwrap());
        let toy = root().join("experiments/models/toyworld");
        for part in ["scheduler", "text_encoder", "tokenizer", "unet", "vae"] {
            fs::create_dir(model.file(part)).unwrap();
            for entry in fs::read_dir(toy.join(part)).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, model.file(part).join(path.file_name().unwrap())).unwrap();
            }
        }
        fs::copy(toy.join("model_index.json"), model.file("model_index.json")).unwrap();
        model
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn find(&self) -> anyhow::Result<BaseModel> {
        let access = Access { offline: true, observer: &|_: &Event| {}, stop: &StopFlag::new() };
        BaseModel::find(&Base::Folder(self.0.path().to_owned()).into(), &mut HashCache::none(), access)
    }

    /// Changes a key of a JSON file for as long as `check` runs.
    fn with<T>(&self, name: &str, key: &str, value: Value, check: impl FnOnce() -> T) -> T {
        let text = fs::read_to_string(self.file(name)).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[key] = value;
        fs::write(self.file(name), config.to_string()).unwrap();
        let result = check();
        fs::write(self.file(name), text).unwrap();
        result
    }

    /// Writes another byte at the end of a file, in place; length and time of modification stay.
    fn flip(&self, name: &str) {
        use std::io::{Read, Seek, SeekFrom, Write};
        let mut file = fs::File::options().read(true).write(true).open(self.file(name)).unwrap();
        let time = file.metadata().unwrap().modified().unwrap();
        file.seek(SeekFrom::End(-1)).unwrap();
        let mut byte = [0];
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::End(-1)).unwrap();
        file.write_all(&[byte[0] ^ 1]).unwrap();
        file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
    }
}

fn load(model: &BaseModel) -> anyhow::Result<runner::models::Model> {
    model.load(&Device::Cpu, Dtype::F32, false)
}

#[test]
fn only_what_was_hashed_is_loaded() {
    let model = Model::new();
    let found = model.find().unwrap();
    let loaded = load(&found).unwrap();
    // The VAE is loaded when it is used first: by then it is another.
    model.flip(VAE);
    let error = loaded.vae.get().unwrap_err().to_string();
    assert!(error.contains("changed after it was hashed") && error.contains("vae"), "{error}");
    assert!(loaded.prompts.encoders[0].network.get().is_ok());
    model.flip(VAE);
    assert!(loaded.vae.get().is_ok());

    model.flip(UNET);
    let error = format!("{:#}", load(&found).unwrap_err());
    assert!(error.contains("changed after it was hashed") && error.contains("unet"), "{error}");
    let changed = model.find().unwrap();
    assert_ne!(changed.hash, found.hash);
    load(&changed).unwrap();
    // A file cut short is no crash.
    fs::File::options().write(true).open(model.file(UNET)).unwrap().set_len(1000).unwrap();
    let error = format!("{:#}", load(&changed).unwrap_err());
    assert!(error.contains("changed after it was hashed"), "{error}");
}

/// Headers are checked when the model is found, and not again. A header that is another one later is noticed.
#[test]
fn a_header_that_changes_after_its_check_is_noticed() {
    let model = Model::new();
    for name in [UNET, VAE] {
        let good = fs::read(model.file(name)).unwrap();
        let found = model.find().unwrap();
        let mut bad = good.clone();
        bad[20] ^= 1;
        fs::write(model.file(name), bad).unwrap();
        let error = match load(&found) {
            Ok(loaded) => loaded.vae.get().unwrap_err().to_string(),
            Err(error) => format!("{error:#}"),
        };
        assert!(error.contains("changed after it was hashed") && error.contains(name), "{error}");
        fs::write(model.file(name), good).unwrap();
    }
}

#[test]
fn configurations_and_headers_are_those_that_were_hashed() {
    let model = Model::new();
    let found = model.find().unwrap();
    // What was read when the model was found is not read again.
    let schedule = load(&found).unwrap().process;
    let later = model.with("scheduler/scheduler_config.json", "beta_end", json!(0.5), || load(&found).unwrap().process);
    assert_eq!(later, schedule);
    let other = model.with("scheduler/scheduler_config.json", "beta_end", json!(0.5), || model.find().unwrap());
    assert_ne!(other.hash, found.hash);
    // Special tokens that an older file overrides count; a file that repeats the others does not.
    fs::write(model.file("tokenizer/special_tokens_map.json"), r#"{"pad_token": "<|endoftext|>"}"#).unwrap();
    assert_eq!(model.find().unwrap().hash, found.hash);
    fs::write(model.file("tokenizer/special_tokens_map.json"), r#"{"pad_token": "a</w>"}"#).unwrap();
    assert_ne!(model.find().unwrap().hash, found.hash);
    fs::remove_file(model.file("tokenizer/special_tokens_map.json")).unwrap();
    // Windows does not replace an open file.
    if cfg!(unix) {
        fs::write(model.file("new"), b"something else").unwrap();
        fs::rename(model.file("new"), model.file(UNET)).unwrap();
        load(&found).unwrap();
    }
}

/// The hash is part of the keys of all results, so it stays the same for ever while the files do.
#[test]
fn the_hash_is_made_of_the_files_in_a_fixed_order() {
    let model = Model::new();
    let mut whole = blake3::Hasher::new();
    for name in [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "tokenizer/tokenizer_config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer/tokenizer.json",
    ] {
        if let Ok(bytes) = fs::read(model.file(name)) {
            whole.update(blake3::hash(&bytes).as_bytes());
        }
    }
    assert_eq!(model.find().unwrap().hash, whole.finalize().to_hex().to_string());
}

#[test]
fn files_that_are_something_else_are_called_by_name() {
    let model = Model::new();
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 3438167536\n", "a".repeat(64));
    let kinds: [(&[u8], &str); 8] = [
        (pointer.as_bytes(), "git lfs pull"),
        (b"<!DOCTYPE html><html><head>", "web page"),
        (b"", "empty"),
        (b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl", "pickle"),
        (b"\x80\x02}q\x00X\x05\x00\x00\x00", "pickle"),
        (b"GGUF\x03\x00\x00\x00\x00", "GGUF"),
        (&[0; 64], "zeros"),
        (b"{\"error\":\"Repository not found\"}", "message of a server"),
    ];
    let names = ["unet/config.json", "tokenizer/tokenizer.json", "model_index.json", "scheduler/scheduler_config.json"];
    for name in [UNET, VAE, "text_encoder/model.safetensors"].into_iter().chain(names) {
        let good = fs::read(model.file(name)).unwrap();
        for (bytes, expected) in kinds {
            fs::write(model.file(name), bytes).unwrap();
            let error = format!("{:#}", model.find().unwrap_err());
            assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
        }
        fs::write(model.file(name), good).unwrap();
    }
    model.find().unwrap();
}

#[test]
fn configurations_are_used_refused_or_told() {
    let model = Model::new();
    let unet = "unet/config.json";
    let usual = model.find().unwrap();
    assert_eq!(usual.warnings(), [] as [&str; 0]);
    assert_eq!(model.with(unet, "sample_size", Value::Null, || model.find().unwrap().summary.native_size), 512);
    for (file, key, value, told) in [
        (unet, "layers_per_block", Value::Null, "`layers_per_block` is null"),
        (unet, "norm_eps", json!("small"), "`norm_eps` is \"small\""),
        (unet, "time_cond_proj_dim", json!(256), "`time_cond_proj_dim` is 256"),
        ("vae/config.json", "scaling_factor", Value::Null, "`scaling_factor` is null"),
        ("vae/config.json", "latents_mean", json!([0.1]), "`latents_mean` is [0.1]"),
        ("text_encoder/config.json", "hidden_act", json!("relu"), "`hidden_act` is \"relu\""),
        ("scheduler/scheduler_config.json", "_class_name", json!("EDMEulerScheduler"), "EDMEulerScheduler"),
        ("model_index.json", "scheduler", json!(["diffusers", "FlowMatchEulerDiscreteScheduler"]), "FlowMatchEuler"),
        ("model_index.json", "_class_name", json!("StableDiffusionInpaintPipeline"), "StableDiffusionInpaintPipeline"),
        ("tokenizer/tokenizer_config.json", "tokenizer_class", json!("T5Tokenizer"), "T5Tokenizer"),
    ] {
        let error = model.with(file, key, value, || format!("{:#}", model.find().unwrap_err()));
        assert!(error.contains(told) && error.contains(file) && !error.contains("untagged"), "{key}: {error}");
    }
    for (file, key, value) in [
        (unet, "brand_new_key", json!(true)),
        ("vae/config.json", "brand_new_key", json!(true)),
        ("scheduler/scheduler_config.json", "use_karras_sigmas", json!(true)),
        ("tokenizer/tokenizer_config.json", "model_max_length", json!(64)),
    ] {
        let warnings = model.with(file, key, value, || model.find().unwrap().warnings().to_vec());
        let name = file.rsplit('/').next().unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(name), "{key}: {warnings:?}");
    }
}

/// Runs the program; standard output and standard error.
fn runner(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("runner").unwrap();
    let output = command.current_dir(folder).env_clear().env("HOME", folder).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn study(folder: &Path, prompts: &str) {
    let root = root().display();
    let text = format!(
        "name = \"cut\"\n[model]\nbase = \"{root}/experiments/models/toyworld\"\n\
         [subject]\nidentifier = \"aawxbc\"\nclass = \"figurine\"\n\
         [dataset]\nimages = \"{root}/experiments/data/shinchan\"\nsize = 2\nheld_out = 1\nresolution = 64\n\
         [train]\nsteps = 2\n[train.prior_preservation]\nimages = 0\n\
         [generate]\nsteps = 1\nseeds = [0]\nprompts = {prompts}\n[evaluate]\ndrift_prompts = []\n"
    );
    fs::write(folder.join("x.toml"), text).unwrap();
}

#[test]
fn prompts_that_the_model_does_not_see_are_told_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let long = "very ".repeat(90);
    study(
        folder.path(),
        &json!([format!("{long}{{identifier}} on the beach"), format!("{long}in the snow")]).to_string(),
    );
    let (code, _, told) = runner(folder.path(), &["plan", "x.toml"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("aawxbc on the beach\"") && told.contains("cut off"), "{told}");
    assert!(told.contains("The identifier \"aawxbc\" is in that part"), "{told}");
    assert!(told.contains("give the same images"), "{told}");

    study(folder.path(), r#"["a red {identifier}", "A  RED aawxbc", "a blue {identifier}"]"#);
    let (_, _, told) = runner(folder.path(), &["plan", "x.toml"]);
    assert!(told.contains("letter case and spaces do not count") && !told.contains("a blue"), "{told}");

    study(folder.path(), r#"["a red {identifier}", "a blue {identifier}"]"#);
    let (_, out, told) = runner(folder.path(), &["plan", "x.toml", "--format", "json"]);
    assert!(told.is_empty() && out.contains("\"notices\":[]"), "{told}");
}

/// The hash of the model's files is remembered in a store that exists; where there is none, nothing is written.
#[cfg(unix)]
#[test]
fn a_model_is_hashed_once() {
    let folder = tempfile::tempdir().unwrap();
    study(folder.path(), r#"["a red {identifier}"]"#);
    // How much memory is free is another number each time.
    let plan = || {
        let (code, text, error) = runner(folder.path(), &["plan", "x.toml", "--format", "json"]);
        let mut plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        plan.as_object_mut().unwrap().remove("memory");
        (code, plan, error)
    };
    let (_, first, _) = plan();
    assert!(!folder.path().join("reports").exists());
    fs::create_dir_all(folder.path().join("reports/.store")).unwrap();
    let hashes = folder.path().join("reports/.store/.hashes.json");
    assert_eq!(plan().1, first);
    let remembered = fs::read_to_string(&hashes).unwrap_or_default();
    // Files that were made just now, e.g. by a checkout, are not remembered.
    if !remembered.is_empty() {
        assert!(remembered.contains("toyworld/unet"), "{remembered}");
    }
    for damage in ["", "{", "[]", &remembered.replace('a', "b")] {
        fs::write(&hashes, damage).unwrap();
        assert_eq!(plan().1, first, "{damage}");
    }
}
