//! A small study in a temporary folder, run with the real binary.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

mod device;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// A temporary project with one experiment file.
pub struct Study {
    /// Removed when the study is dropped.
    pub folder: tempfile::TempDir,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary in a folder, which is its home, too; unaffected by the tester's environment.
pub fn runner(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).env("HOME", folder).stdin(Stdio::null());
    let of_tester = |name: &str| {
        let prefixes = ["RUNNER_", "HF_", "RAYON_", "CANDLE_", "RUST_"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || ["NO_COLOR", "CI", "TERM"].contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_tester) {
            command.env_remove(name);
        }
    }
    command
}

/// A study of two sizes on a tiny random model, a few seconds long, that visits every stage.
pub const SMALL: &str = r#"
name = "small"

[model]
base = "MODEL"
device = "cpu"

[subject]
identifier = "aawxbc"
class = "figurine"
name = "crayon boy"

[dataset]
images = "data/photos"
size = 2
held_out = 1
resolution = 64

[train]
instance_prompt = "a photo of {identifier} {class}"
steps = 6
batch_size = 2
learning_rate = 1e-3
checkpoint_every = 2
rank = 2

[train.prior_preservation]
class_prompt = "a photo of a {class}"
images = 2

[generate]
sampler = "dpm++2m"
steps = 3
seeds = [0, 1]
baseline_prompts = ["a {name} {class}"]
prompts = ["a {identifier} {class} on the beach"]

[evaluate]
probe_every = 2
probe_timesteps = 2

[sweep]
dataset.size = [1, 2]
"#;

impl Study {
    /// Photos of the sample subject, the tiny model and `experiment` as `study.toml`.
    pub fn new(experiment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Reports name a folder by its last two parts: these are the same for every study.
        let photos = folder.path().join("data/photos");
        fs::create_dir_all(&photos).unwrap();
        for index in 0..4 {
            let name = format!("{index:02}.jpg");
            fs::copy(root().join("experiments/data/shinchan").join(&name), photos.join(&name)).unwrap();
        }
        let study = Self { folder };
        study.write("study.toml", experiment);
        study
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project; `MODEL` stands for the tiny model's folder.
    pub fn write(&self, name: &str, text: &str) {
        let model = tiny_model();
        fs::write(self.path().join(name), text.replace("MODEL", model.to_str().unwrap())).unwrap();
    }

    /// The binary with arguments, in the folder, on the device the tests compute on.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = runner(self.path());
        // This wins over the file.
        command.args(arguments).env("RUNNER_MODEL__DEVICE", device::name());
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs to the end and insists on an exit code.
    #[track_caller]
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "runner {arguments:?} printed:\n{text}");
        text
    }

    /// Every file of the report and of the store that must not depend on interruptions: all but those with times
    /// (`DONE` holds the hash of the manifest).
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path().join("reports"), &self.path().join("reports"), &mut files);
        files.retain(|name, _| {
            let file = name.rsplit('/').next().unwrap_or(name);
            !name.starts_with(".store/.")
                && !name.starts_with(".submitted/")
                && !matches!(file, "manifest.json" | "DONE" | "timing.csv" | "cost.csv" | "cost.html")
        });
        files
    }
}

/// Three learning rates, of which two learn next to nothing, and two seeds that learn
/// alike, so that so small a study can tell the rates apart.
pub fn raced() -> String {
    let text = SMALL
        .replace("images = 2", "images = 0")
        .replace("steps = 6", "steps = 2")
        .replace("steps = 3", "steps = 1")
        .replace("seeds = [0, 1]", "seeds = [0]")
        .replace("baseline_prompts = [\"a {name} {class}\"]", "baseline_prompts = []")
        .replace("probe_every = 2", "probe_every = 1\nprobe_photos = 1\ndrift_prompts = []")
        .replace("probe_timesteps = 2", "probe_timesteps = 1")
        .replace("batch_size = 2", "batch_size = 1")
        .replace("checkpoint_every = 2", "checkpoint_every = 3")
        .replace("resolution = 64", "resolution = 32")
        .replace("size = 2", "size = 1")
        .replace("dataset.size = [1, 2]", "train.learning_rate = [1e-2, 1e-7, 2e-7]\ntrain.seed = [1, 2]");
    text + "\n[race]\nrungs = [0.5]\nstop_values = true\n"
}

/// The decisions in the store.
pub fn decisions(study: &Study) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(study.path().join("reports/.store/.race")).into_iter().flatten().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

/// Insists that a study has the results of an undisturbed run.
#[track_caller]
pub fn assert_same(expected: &BTreeMap<String, Vec<u8>>, study: &Study, what: &str) {
    let actual = study.results();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<BTreeSet<_>>();
    let differing: BTreeSet<String> = names(expected).symmetric_difference(&names(&actual)).cloned().collect();
    assert!(differing.is_empty(), "{what}: only in one of the two: {differing:?}");
    for (name, bytes) in expected {
        assert!(*bytes == actual[name], "{what}: {name} differs from the undisturbed run");
    }
}

/// Moments as fractions of a run: a Weyl sequence, spread evenly over the whole and the same in every test run.
pub fn moments() -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.37_f64), |last| Some((last + 0.618_033_988_749_895).fract())).skip(1)
}

/// Starts a study and kills it, as often as there are moments. `whole` is how long an undisturbed run takes.
pub fn kill_now_and_then(study: &Study, whole: Duration, moments: impl Iterator<Item = f64>) {
    for fraction in moments {
        let mut child = study.command(&["study.toml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(fraction));
        // It may have ended already; then this is a run that finds everything done.
        let _ = child.kill();
        child.wait().unwrap();
    }
}

/// One run in which something is done at the first event line with both words; gives the exit code, `None` if the run
/// was killed.
#[track_caller]
pub fn run_until(study: &Study, event: &str, stage: &str, act: impl Fn(&mut Child)) -> Option<i32> {
    let mut child = study
        .command(&["study.toml", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acted = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if !acted
            && line.contains(&format!("\"event\":\"{event}\""))
            && line.contains(&format!("\"stage\":\"{stage}\""))
        {
            act(&mut child);
            acted = true;
        }
    }
    assert!(acted, "{stage} never told {event}");
    child.wait().unwrap().code()
}

/// The tiny random SD 1.x-like model of the parity tests.
pub fn tiny_model() -> PathBuf {
    root().join("tests/golden/models/sd1")
}

fn collect(folder: &Path, base: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, base, files);
        } else {
            let name = path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/");
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}
