//! The program itself with a Hub on this machine: progress, stop, kill, and what is printed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::model::{Cache, Model, SECRET, WEIGHTS};
use super::server::{Server, honest};

/// The model of the repository, as a Hub has it.
pub(crate) fn toyworld() -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/models/toyworld");
    let mut model = Model::tiny();
    let names: Vec<String> = model.names().map(str::to_owned).collect();
    for name in names.iter().chain(&["tokenizer/tokenizer_config.json".to_owned()]) {
        if let Ok(content) = std::fs::read(folder.join(name)) {
            model.0.insert(name.clone(), content);
        }
    }
    model
}

pub(crate) fn runner(cache: &Cache, server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    let home = cache.path();
    let home = home.parent().unwrap();
    command.current_dir(home).env_clear().env("HOME", home).env("HF_HUB_CACHE", cache.path());
    command.env("HF_ENDPOINT", &server.url).env("HF_TOKEN", SECRET);
    command.stdin(Stdio::null());
    command
}

pub(crate) fn generate(command: &mut Command) -> &mut Command {
    let args = ["generate", "--model", "some-owner/tiny", "--prompt", "x", "--steps", "1", "--guidance-scale", "1"];
    command.args(args).args(["--width", "64", "--height", "64", "--format", "json", "--device", "cpu"])
}

#[test]
fn progress_is_told_to_people_and_programs() {
    let (cache, model) = (Cache::new(), toyworld());
    let server = Server::honest(&model);
    let output = generate(&mut runner(&cache, &server)).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    let events: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let size = model.get(WEIGHTS).unwrap().len();
    let last = events.iter().rfind(|e| e["event"] == "download" && e["file"] == WEIGHTS).unwrap();
    assert_eq!((last["done"].as_u64(), last["total"].as_u64()), (Some(size as u64), Some(size as u64)), "{last}");
    assert!(err.contains(&format!("downloaded {WEIGHTS}: ")), "{err}");
    assert!(!out.contains(SECRET) && !err.contains(SECRET) && !err.contains("Signature"));
}

/// The experiment file of a study with that model; it has far too few photos, which is found after the download.
pub(crate) fn study(home: &Path) -> &'static str {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/shinchan");
    let text = format!(
        "[model]\nbase = \"some-owner/tiny\"\ndevice = \"cpu\"\n[subject]\nidentifier = \"aawxbc\"\nclass = \"toy\"\n\
         [dataset]\nimages = {photos:?}\nsize = 5000\n[generate]\nprompts = [\"a {{identifier}}\"]\n"
    );
    std::fs::write(home.join("study.toml"), text).unwrap();
    "study.toml"
}

#[test]
fn a_run_tells_of_its_download_and_a_plan_downloads_nothing() {
    let (cache, model) = (Cache::new(), toyworld());
    let server = Server::honest(&model);
    let file = study(cache.path().parent().unwrap());
    for command in ["plan", "status", "report"] {
        let output = runner(&cache, &server).args([command, file, "--set", "dataset.size=2"]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains("some-owner/tiny is not complete in the Hub cache"), "{command}: {err}");
        assert!(server.log().is_empty(), "{command} used the network");
    }
    let output = runner(&cache, &server).args([file, "--format", "json"]).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(96), "{err}");
    let told = |line: &str| line.contains("\"event\":\"download\"") && line.contains(WEIGHTS);
    assert!(out.lines().any(told), "{out}");
    assert!(err.contains(&format!("downloaded {WEIGHTS}: ")) && err.contains("5000 to train on"), "{err}");
}

#[test]
fn an_encoder_whose_weights_are_a_pickle_is_refused_with_the_way_out() {
    // As the main revision of openai/clip-vit-base-patch32 was in 2024.
    let files = ["README.md", "config.json", "preprocessor_config.json", "pytorch_model.bin", "tf_model.h5"];
    let model = Model(files.iter().map(|name| ((*name).to_owned(), b"{}".to_vec())).collect());
    let (cache, server) = (Cache::new(), Server::honest(&model));
    let root = env!("CARGO_MANIFEST_DIR");
    let text = format!(
        "[model]\nbase = \"{root}/experiments/models/toyworld\"\ndevice = \"cpu\"\n[subject]\n\
         identifier = \"aawxbc\"\nclass = \"toy\"\n[dataset]\nimages = \"{root}/experiments/data/shinchan\"\n\
         size = 2\n[evaluate]\nencoders = [{{ name = \"clip\", model = \"some-owner/tiny\", for = [\"prompt\"] }}]\n"
    );
    std::fs::write(cache.path().parent().unwrap().join("study.toml"), text).unwrap();
    let output = runner(&cache, &server).arg("study.toml").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(96), "{text}");
    for words in ["the encoder \"clip\"", "never opened: pytorch_model.bin", "owner/name@revision", "save_pretrained"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("tf_model.h5") && server.count("pytorch_model.bin") == 0, "{text}");
}

/// Waits for a file to have that many bytes.
fn wait_for(path: &Path, bytes: u64) {
    let begun = Instant::now();
    while std::fs::metadata(path).map_or(0, |meta| meta.len()) < bytes {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn stopped_or_killed_it_goes_on_where_it_was() {
    let (cache, model) = (Cache::new(), toyworld());
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let unet = request.path.contains("/store/unet");
        let next = request.from().map_or(500_000, |from| from + 500_000);
        (unet && next <= 1_000_000).then(|| honest(&files, request).stall(500_000))
    });
    let partial = cache.blob(&format!("{}.incomplete", model.etag(WEIGHTS)));
    for (signal, reached, code) in [("-INT", 500_000, Some(75)), ("-KILL", 1_000_000, None)] {
        let mut command = runner(&cache, &server);
        let command = generate(&mut command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&partial, reached);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let text = lines.collect::<Vec<_>>().join("\n");
        assert!(code.is_none() || text.contains("what has arrived is kept"), "{text}");
        assert_eq!(std::fs::metadata(&partial).unwrap().len(), reached);
    }
    let output = generate(&mut runner(&cache, &server)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(server.log().iter().any(|request| request.from() == Some(1_000_000)));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("1.0 MB of it before"), "{err}");
}

#[test]
fn mistakes_of_the_environment_are_told_without_their_values() {
    let (cache, model) = (Cache::new(), toyworld());
    let server = Server::honest(&model);
    let password = format!("http://me:{SECRET}@127.0.0.1:9");
    for (name, value, words) in [
        ("HF_TOKEN", "hf_secret\nx", "HF_TOKEN cannot be used: it has a line end"),
        ("HF_TOKEN", "hf_secret\u{fc}", "HF_TOKEN cannot be used"),
        ("HF_ENDPOINT", &password, "HF_ENDPOINT cannot be used: it has a name or password"),
        ("HF_ENDPOINT", "hf-mirror.example", "HF_ENDPOINT cannot be used"),
        ("HF_HUB_OFFLINE", "YES", "the network is switched off"),
        ("HF_ENDPOINT", "http://127.0.0.1:9", "http://127.0.0.1:9 cannot be reached"),
    ] {
        let output = generate(runner(&cache, &server).env(name, value)).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(96), "{text}");
        assert!(text.contains(words) && !text.contains(SECRET), "{text}");
    }
    assert!(server.log().is_empty());
}
