//! The program as a user meets it: what it prints, and its exit codes.

mod common;

use assert_cmd::{Command, assert::Assert};
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The program in an empty folder, undisturbed by the tester's environment.
fn runner(folder: &Path) -> Command {
    Command::from_std(common::runner(folder))
}

/// A study of two cells that takes a few seconds.
fn study(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("tiny.toml");
    let text = format!(
        "name = \"tiny\"\n\
         [model]\nbase = \"{ROOT}/experiments/models/toyworld\"\n\
         [subject]\nidentifier = \"aawxbc\"\nclass = \"figurine\"\n\
         [dataset]\nimages = \"{ROOT}/experiments/data/shinchan\"\nheld_out = 2\nresolution = 64\n\
         [train]\nsteps = 3\ncheckpoint_every = 1\n\
         [train.prior_preservation]\nimages = 2\n\
         [generate]\nsteps = 2\nseeds = [0]\nprompts = [\"a {{identifier}} {{class}}\"]\n\
         [evaluate]\nprobe_every = 0\nprobe_timesteps = 2\nprobe_photos = 2\n\
         [sweep]\ndataset.size = [2, 3]\n{more}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn stdout(assert: &Assert) -> String {
    text(&assert.get_output().stdout)
}

fn stderr(assert: &Assert) -> String {
    text(&assert.get_output().stderr)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn help_is_complete() {
    let dir = folder();
    insta::assert_snapshot!("help", stdout(&runner(dir.path()).arg("-h").assert().code(0)));
    let commands = [
        "run", "work", "submit", "plan", "status", "report", "finding", "diff", "lock", "generate", "lora", "photos",
        "import", "defaults", "doctor",
    ];
    for command in commands.into_iter().chain(["clean", "completions", "man"]) {
        let help = stdout(&runner(dir.path()).args([command, "--help"]).assert().code(0));
        if !["lora", "import"].contains(&command) {
            assert!(help.contains("Example") && help.contains("Result:"), "{command}: {help}");
        }
    }
    let version = stdout(&runner(dir.path()).arg("--version").assert().code(0));
    assert_eq!(version, format!("runner {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let dir = folder();
    let cases: [(&[&str], &str); 7] = [
        (&[], "Usage"),
        (&["plan", "x.toml", "--onyl", "a=1"], "--only"),
        (&["x.toml", "--progres", "bar"], "--progress"),
        (&["pln"], "plan"),
        (&["x.toml", "--max-fail", "0"], "--max-fail"),
        (&["generate", "--model", "m", "--prompt", "p", "--sampler", "eulr"], "euler-a"),
        (&["generate", "--model", "m", "--prompt", "p", "--lora", "f:much"], "f:0.8"),
    ];
    for (arguments, expected) in cases {
        let assert = runner(dir.path()).args(arguments).assert().code(2);
        assert!(stderr(&assert).contains(expected), "{arguments:?}: {}", stderr(&assert));
    }
}

#[test]
fn an_experiment_that_is_not_usable_is_exit_code_96() {
    let dir = folder();
    let missing = runner(dir.path()).arg("nothing.toml").assert().code(96);
    assert!(stderr(&missing).contains("nothing.toml"), "{}", stderr(&missing));

    let typo = study(dir.path(), "[generate2]\n");
    let assert = runner(dir.path()).arg(&typo).assert().code(96);
    let message = stderr(&assert);
    assert!(message.contains("tiny.toml:") && message.contains("generate2") && message.contains('^'), "{message}");

    let good = study(dir.path(), "");
    for (set, expected) in [
        ("dataset.resolution=60", "dataset.resolution"),
        ("train.rank=0", "rank"),
        ("dataset.held_out=100", "photo"),
        ("model.base=\"no/such/folder/here\"", "no/such/folder/here"),
        ("model.device=cuda", "cuda"),
        ("dataset.images=\"nowhere\"", "nowhere"),
    ] {
        let assert = runner(dir.path()).arg(&good).args(["--set", set, "--offline"]).assert().code(96);
        let message = stderr(&assert);
        assert!(message.contains(expected) && !message.contains("bug"), "{set}: {message}");
    }
    assert!(!dir.path().join("reports").exists(), "nothing may be written before everything is checked");
}

#[test]
fn a_reports_folder_that_cannot_be_made_is_named() {
    let dir = folder();
    let file = study(dir.path(), "");
    let assert = runner(dir.path()).arg(&file).args(["--reports-dir", "tiny.toml/reports"]).assert().code(96);
    assert!(stderr(&assert).contains("tiny.toml/reports"), "{}", stderr(&assert));
}

#[test]
fn a_photo_that_does_not_decode_is_named_before_the_run() {
    let dir = folder();
    let photos = dir.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    for n in 0..5 {
        let bytes = std::fs::read(format!("{ROOT}/experiments/data/shinchan/0{n}.jpg")).unwrap();
        let end = if n == 3 { bytes.len() / 2 } else { bytes.len() };
        std::fs::write(photos.join(format!("{n}.jpg")), &bytes[..end]).unwrap();
    }
    let file = study(dir.path(), "");
    for command in ["plan", "run"] {
        let assert =
            runner(dir.path()).arg(command).arg(&file).args(["--set", "dataset.images=\"photos\""]).assert().code(96);
        assert!(stderr(&assert).contains("3.jpg"), "{}", stderr(&assert));
    }
}

#[test]
fn only_what_does_not_exist_is_exit_code_4() {
    let dir = folder();
    let file = study(dir.path(), "");
    let assert = runner(dir.path()).arg("plan").arg(&file).args(["--only", "dataset.size=9"]).assert().code(4);
    assert!(stderr(&assert).contains("dataset.size=3"), "{}", stderr(&assert));
}

#[test]
fn plan_and_status_read_only() {
    let dir = folder();
    let file = study(dir.path(), "");
    let plan = stdout(&runner(dir.path()).arg("plan").arg(&file).assert().code(0));
    assert!(plan.contains("dataset.size=2") && plan.contains("train") && plan.contains("to do"), "{plan}");
    let one = stdout(&runner(dir.path()).arg("plan").arg(&file).args(["--only", "dataset.size=2"]).assert().code(0));
    assert!(!one.contains("dataset.size=3"), "{one}");
    let json = stdout(&runner(dir.path()).arg("plan").arg(&file).args(["--format", "json"]).assert().code(0));
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(plan["cells"].as_array().unwrap().len(), 2);

    // Standard output on a full disk: the work is done, and the events are missed.
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let mut command = common::runner(dir.path());
        command.arg(&file).args(["--reports-dir", "whole", "--format", "json"]).stdout(full);
        let output = command.stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(
            text(&output.stderr).contains("cannot write the events to standard output"),
            "{}",
            text(&output.stderr)
        );
    }
    let status = stdout(&runner(dir.path()).arg("status").arg(&file).assert().code(0));
    assert_eq!(status.lines().count(), 3, "{status}");
    assert!(status.lines().skip(1).all(|line| line.matches("to do").count() == 7), "{status}");
    assert!(!dir.path().join("reports").exists());
}

/// Without the model's files its hash is unknown, and with it which stored results belong to the study.
#[test]
fn nothing_is_removed_or_replaced_while_a_model_is_unknown() {
    let dir = folder();
    let file = study(dir.path(), "");
    let text = std::fs::read_to_string(&file).unwrap();
    let with_hub: Vec<&str> =
        text.lines().map(|line| if line.starts_with("base =") { "base = \"no-such/model\"" } else { line }).collect();
    assert!(with_hub.contains(&"base = \"no-such/model\""), "{text}");
    std::fs::write(&file, with_hub.join("\n")).unwrap();
    let kept = dir.path().join("reports/.store/train/0123456789abcdef0123456789abcdef");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("manifest.json"), "{}").unwrap();
    let clean = runner(dir.path()).args(["clean", "--keep"]).arg(&file).assert().code(96);
    assert!(stderr(&clean).contains("nothing was removed"), "{}", stderr(&clean));
    assert!(kept.join("manifest.json").exists());
    std::fs::create_dir_all(dir.path().join("reports/tiny/images")).unwrap();
    let report = runner(dir.path()).arg("report").arg(&file).assert().code(96);
    assert!(stderr(&report).contains("the report was not written"), "{}", stderr(&report));
    runner(dir.path()).arg("plan").arg(&file).assert().code(0);
}

/// What a finished report shows is not replaced by nothing.
#[test]
fn a_report_with_results_is_not_replaced_by_an_empty_one() {
    let dir = folder();
    let file = study(dir.path(), "");
    runner(dir.path()).arg("report").arg(&file).assert().code(0);
    let mut reports = std::fs::read_dir(dir.path().join("reports")).unwrap().map(|entry| entry.unwrap().path());
    let folder = reports.find(|path| path.join("index.html").exists()).unwrap();
    std::fs::create_dir_all(folder.join("images")).unwrap();
    let report = runner(dir.path()).arg("report").arg(&file).args(["--device-class", "cuda"]).assert().code(96);
    assert!(stderr(&report).contains("stays as it is"), "{}", stderr(&report));
}

/// A login node has no GPU, a laptop has no such build.
#[test]
fn a_study_for_another_device_can_be_planned_here() {
    let dir = folder();
    let file = study(dir.path(), "");
    let on = |command: &str, more: &[&str]| runner(dir.path()).arg(command).arg(&file).args(more).assert();
    for device in ["cuda:1", "metal"] {
        for command in ["plan", "status", "report"] {
            on(command, &["--device", device]).code(0);
        }
    }
    let devices = |more: &[&str]| {
        let json = stdout(&on("plan", &[&["--format", "json"], more].concat()).code(0));
        let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut devices: Vec<String> =
            plan["jobs"].as_array().unwrap().iter().map(|job| job["inputs"]["device"].to_string()).collect();
        devices.dedup();
        devices
    };
    assert_eq!(devices(&["--device", "cuda:1"]), ["\"cuda\""]);
    assert_eq!(devices(&["--device-class", "metal"]), ["\"metal\""]);
    let wrong = on("plan", &["--device-class", "gpu"]).code(2);
    assert!(stderr(&wrong).contains("cuda"), "{}", stderr(&wrong));
    let keep = ["clean", "--keep", "tiny.toml", "--device-class", "cuda"];
    runner(dir.path()).args(keep).assert().code(0);
    if cfg!(not(feature = "cuda")) {
        assert!(stderr(&on("run", &["--device", "cuda"]).code(96)).contains("--features cuda"));
    }
}

#[test]
fn a_model_that_is_not_downloaded_is_planned_without_the_network() {
    let dir = folder();
    let file = study(dir.path(), "");
    let base = ["--set", "model.base=\"some-owner/none\""];
    let on = |command: &str| {
        let mut program = runner(dir.path());
        // Nobody listens there: a command that uses the network fails.
        program.env("HF_ENDPOINT", "http://127.0.0.1:9").arg(command).arg(&file).args(base);
        program
    };
    let plan = on("plan").assert().code(0);
    let told = stderr(&plan);
    assert!(told.contains("some-owner/none") && told.contains("a run would download the whole model"), "{told}");
    assert!(stdout(&plan).contains("the base model is not downloaded yet"), "{}", stdout(&plan));
    for command in ["status", "report"] {
        assert!(stderr(&on(command).assert().code(0)).contains("would download"), "{command}");
    }
    let run = on("run").arg("--offline").assert().code(96);
    assert!(stderr(&run).contains("the network is switched off"), "{}", stderr(&run));
}

#[test]
fn columns_line_up_for_names_in_every_script() {
    let dir = folder();
    let file = study(dir.path(), "generate.negative_prompt = [\"漫画の絵\", \"x\"]\n");
    for command in ["plan", "status"] {
        let table = stdout(&runner(dir.path()).arg(command).arg(&file).assert().code(0));
        let column = |line: &str| line.find("to do").map(|at| runner::text::width(&line[..at]));
        let jobs = table.lines().filter(|line| line.contains("negative_prompt") && line.contains("to do"));
        let columns: std::collections::BTreeSet<_> = jobs.map(column).collect();
        assert_eq!(columns.len(), 1, "{table}");
        assert!(table.contains("漫画"), "{table}");
    }
}

#[test]
fn shells_and_the_manual_know_every_command() {
    let dir = folder();
    let help = stdout(&runner(dir.path()).arg("-h").assert().code(0));
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    // A line that goes on is indented further.
    let lines = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let commands = lines.filter_map(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() >= 11, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&runner(dir.path()).args(["completions", shell]).assert().code(0));
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
    let page = stdout(&runner(dir.path()).arg("man").assert().code(0));
    assert!(page.starts_with(".ie") || page.contains(".TH runner"), "{page}");
    let written = stdout(&runner(dir.path()).args(["man", "--out", "pages"]).assert().code(0));
    for command in commands {
        assert!(written.contains(&format!("pages/runner-{command}.1")), "{command}: {written}");
        assert!(dir.path().join(format!("pages/runner-{command}.1")).is_file(), "{command}");
    }
    runner(dir.path()).args(["man", "--out", "pages"]).assert().code(2);
}

#[test]
fn defaults_can_be_read_back() {
    let dir = folder();
    let defaults = stdout(&runner(dir.path()).arg("defaults").assert().code(0));
    let table: toml::Table = defaults.parse().unwrap();
    assert!(table.contains_key("train") && defaults.contains('#'));
    let json = stdout(&runner(dir.path()).args(["defaults", "--format", "json"]).assert().code(0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["train"]["rank"].as_i64(), table["train"]["rank"].as_integer());
}

/// The stream of events ends with a word of its own, also when nothing could be done.
#[test]
fn a_failure_is_the_last_event() {
    let dir = folder();
    let file = study(dir.path(), "");
    std::fs::write(dir.path().join("reports"), "a file where the folder should be").unwrap();
    let run = runner(dir.path()).arg("run").arg(&file).args(["--format", "json"]).assert();
    let events = stdout(&run);
    let last: serde_json::Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "failed", "{events}");
    assert!(stderr(&run).contains(last["message"].as_str().unwrap().split(": ").next().unwrap()), "{events}");
}

#[test]
fn an_instruction_set_that_does_not_exist_is_an_error() {
    let dir = folder();
    let with = |command: &str| {
        let mut program = runner(dir.path());
        program.arg(command).env("RUNNER_INSTRUCTIONS", "avx3").assert()
    };
    let message = "RUNNER_INSTRUCTIONS is \"avx3\", expected one of ";
    assert!(stderr(&with("defaults").code(2)).contains(message));
    assert!(stdout(&with("doctor").code(96)).contains(message));
    runner(dir.path()).arg("defaults").env("RUNNER_INSTRUCTIONS", "avx2").assert().code(0);
}

#[test]
fn doctor_and_clean_work_on_a_fresh_machine() {
    let dir = folder();
    let doctor = stdout(&runner(dir.path()).arg("doctor").assert().code(0));
    assert!(doctor.contains("threads") && doctor.contains("hub cache"), "{doctor}");
    let json = stdout(&runner(dir.path()).args(["doctor", "--format", "json"]).assert().code(0));
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["reports"]["problem"] == false);
    for arguments in [&["clean"][..], &["clean", "--all"], &["clean", "--broken"]] {
        let clean = stdout(&runner(dir.path()).args(arguments).assert().code(0));
        assert!(clean.contains("0 B"), "{clean}");
    }
    assert!(!dir.path().join("reports").exists());
}

/// A pipe whose reader has gone before the program starts, as in `runner plan x.toml | true`.
#[test]
fn a_closed_pipe_is_not_an_error() {
    let dir = folder();
    let file = study(dir.path(), "");
    let commands: [&[&str]; 4] = [&["defaults"], &["plan"], &["--help"], &["doctor"]];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = common::runner(dir.path());
        command.args(arguments);
        if arguments == ["plan"] {
            command.arg(&file);
        }
        let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn generate_checks_before_it_loads() {
    let dir = folder();
    let model = format!("{ROOT}/experiments/models/toyworld");
    let generate = |more: &[&str]| {
        let mut command = runner(dir.path());
        command.args(["generate", "--model", &model, "--prompt", "a red ball", "--steps", "2"]).args(more);
        command.assert()
    };
    std::fs::write(dir.path().join("image.png"), b"mine").unwrap();
    let taken = generate(&[]).code(2);
    assert!(stderr(&taken).contains("--force"), "{}", stderr(&taken));
    assert_eq!(std::fs::read(dir.path().join("image.png")).unwrap(), b"mine");
    let odd = generate(&["--output", "a.png", "--width", "100"]).code(2);
    assert!(stderr(&odd).contains("multiples of"), "{}", stderr(&odd));
    let unknown = generate(&["--output", "a.png", "--lora", "nothing.safetensors"]).code(96);
    assert!(stderr(&unknown).contains("nothing.safetensors"), "{}", stderr(&unknown));
    std::fs::write(dir.path().join("bad.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").unwrap();
    let damaged = generate(&["--output", "a.png", "--lora", "bad.safetensors"]).code(96);
    assert!(stderr(&damaged).contains("bad.safetensors"), "{}", stderr(&damaged));
    let foreign = format!("{ROOT}/experiments/models/toyworld/unet/diffusion_pytorch_model.safetensors");
    let foreign = generate(&["--output", "a.png", "--lora", &foreign]).code(96);
    assert!(stderr(&foreign).contains("cannot be applied"), "{}", stderr(&foreign));
    assert!(!dir.path().join("a.png").exists());
}

#[test]
fn an_image_is_the_same_alone_or_with_others() {
    let dir = folder();
    let model = format!("{ROOT}/experiments/models/toyworld");
    let generate = |more: &[&str]| {
        let mut command = runner(dir.path());
        command.args(["generate", "--model", &model, "--prompt", "a red ball", "--steps", "2", "--width", "64"]);
        stdout(&command.args(["--height", "64"]).args(more).assert().code(0))
    };
    assert_eq!(generate(&["--seed", "7", "--count", "2", "--output", "all"]), "all/7.png\nall/8.png\n");
    generate(&["--seed", "8", "--output", "one.png", "--jobs", "1"]);
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert_eq!(read("all/8.png"), read("one.png"));
    assert_ne!(read("all/7.png"), read("one.png"));
    assert!(read("one.png").windows(10).any(|w| w == b"parameters"));
}

#[test]
fn a_study_runs_and_is_reused() {
    let dir = folder();
    let file = study(dir.path(), "");
    let run = |reports: &str, more: &[&str]| {
        let mut command = runner(dir.path());
        command.arg(&file).args(["--reports-dir", reports]).args(more);
        command.assert()
    };
    let first = run("whole", &[]).code(0);
    assert!(
        stderr(&first).contains("2 cells done") && stderr(&first).contains("whole/tiny/index.html"),
        "{}",
        stderr(&first)
    );
    assert_eq!(stdout(&first), "");
    let again = run("whole", &["--format", "json", "--progress", "none"]).code(0);
    let events: Vec<serde_json::Value> = stdout(&again).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events[0]["todo"], 0, "{events:?}");
    assert!(events.iter().any(|e| e["event"] == "job_reused") && events.iter().all(|e| e["event"] != "job_started"));
    let status = stdout(&runner(dir.path()).arg("status").arg(&file).args(["--reports-dir", "whole"]).assert().code(0));
    assert!(status.lines().skip(1).all(|line| line.matches("done").count() == 7), "{status}");
    let why = stdout(
        &runner(dir.path()).arg("plan").arg(&file).args(["--reports-dir", "whole", "--set", "train.rank=2"]).assert(),
    );
    assert!(why.contains("rank"), "{why}");

    let clean = |more: &[&str]| {
        let mut command = runner(dir.path());
        stdout(&command.args(["clean", "--reports-dir", "whole"]).args(more).assert().code(0))
    };
    assert_eq!(clean(&[]).matches(" done").count(), 12);
    assert!(!clean(&["--keep", "tiny.toml"]).contains("removed"));
    assert_eq!(clean(&["--all"]).matches("removed").count(), 12);
    assert_eq!(clean(&[]), "0 B in whole/.store\n");
}

#[test]
fn a_model_is_told_in_one_line() {
    let dir = folder();
    let model = common::root().join("experiments/models/toyworld");
    let line = "a model of its own sizes in a diffusers folder, ";
    let said = stdout(&runner(dir.path()).arg("doctor").arg("--model").arg(&model).assert().code(0));
    assert!(said.contains(line), "{said}");
    let vae = common::root().join("tests/golden/models/sd1/vae");
    let other = runner(dir.path()).arg("doctor").arg("--model").arg(&model).arg("--vae").arg(&vae).assert().code(0);
    assert!(stdout(&other).contains("with the VAE of ") && stdout(&other).contains("sd1/vae"), "{}", stdout(&other));
    let file = study(dir.path(), "");
    let plan = stdout(&runner(dir.path()).arg("plan").arg(&file).assert().code(0));
    assert!(plan.contains(&format!("toyworld: {line}")), "{plan}");
    let json = stdout(&runner(dir.path()).arg("plan").arg(&file).args(["--format", "json"]).assert().code(0));
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(plan["models"][0]["about"].as_str().unwrap().contains(line), "{json}");
    std::fs::write(dir.path().join("old.ckpt"), b"\x80\x02}q\x00X\x0a").unwrap();
    let refused = stdout(&runner(dir.path()).args(["doctor", "--model", "old.ckpt"]).assert().code(96));
    assert!(refused.contains("! ") && refused.contains("weights_only=True"), "{refused}");
}
