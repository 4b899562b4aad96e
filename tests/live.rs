//! The page of a run while it goes on, and the ways to pass a report on.

#![cfg(unix)]

mod common;

use common::{SMALL, Study};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The small study without what takes time here: two sizes, one image each, from prompts of the study only.
fn quick() -> String {
    let text = SMALL.replace("images = 2", "images = 0").replace("steps = 6", "steps = 2");
    let text = text.replace("steps = 3", "steps = 1").replace("seeds = [0, 1]", "seeds = [0]");
    text.replace("baseline_prompts = [\"a {name} {class}\"]", "baseline_prompts = []")
}

/// A study whose training takes so long that it can be watched.
fn long() -> Study {
    let text = quick().replace("\nsteps = 2", "\nsteps = 4000").replace("probe_every = 2", "probe_every = 3");
    Study::new(&text.replace("checkpoint_every = 2", "checkpoint_every = 100000"))
}

fn page(study: &Study) -> String {
    fs::read_to_string(study.path().join("reports/small/index.html")).unwrap()
}

/// Starts the study and waits until a training has told that it has done some steps.
fn at_step(study: &Study, arguments: &[&str], step: u64) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = study
        .command(&[&["study.toml", "--format", "json"], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let done = |line: &String| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["event"] == "job_progress" && event["stage"] == "train" && event["done"].as_u64() >= Some(step)
    };
    assert!(lines.any(|line| done(&line)), "the training never told its progress");
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_killed_run_leaves_a_page_and_a_stopped_one_says_how_to_go_on() {
    let study = long();
    let (mut child, lines) = at_step(&study, &[], 4);
    let live = page(&study);
    assert!(live.contains("http-equiv=\"refresh\"") && live.contains("id=\"live\""), "it is live from the start");
    assert!(live.ends_with("</html>"));
    // Another process sees the training that goes on, without a page that loads itself again.
    study.expect(0, &["report", "study.toml"]);
    let seen = page(&study);
    assert!(seen.contains("being trained: step ") && !seen.contains("http-equiv=\"refresh\""));
    let probes = fs::read_to_string(study.path().join("reports/small/probe.csv")).unwrap();
    assert!(probes.contains("dataset.size=1,3,held_out,"), "the probe points so far: {probes}");
    signal(&child, "KILL");
    child.wait().unwrap();
    drop(lines);
    study.expect(0, &["report", "study.toml"]);
    assert!(page(&study).contains("stopped at step "));

    let (mut child, lines) = at_step(&study, &[], 5);
    signal(&child, "INT");
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let stopped = study.results();
    let page = page(&study);
    assert!(!page.contains("http-equiv=\"refresh\"") && page.contains("This study is not finished"));
    assert!(page.contains("runner study.toml") && page.contains("stopped at step "), "the way on");
    study.expect(0, &["report", "study.toml"]);
    assert_eq!(study.results(), stopped, "the last page of a run is that of `runner report`");
}

#[test]
fn the_last_page_of_a_run_is_that_of_the_report() {
    let study = Study::new(&quick());
    study.expect(0, &["study.toml"]);
    let (last, live) = (study.results(), page(&study).contains("id=\"live\""));
    assert!(!live);
    study.expect(0, &["report", "study.toml"]);
    assert_eq!(study.results(), last);
    let events = last.keys().filter(|name| name.contains("tensorboard/") && name.contains("tfevents")).count();
    assert_eq!(events, 2, "one file a training");

    // The page as one file.
    let said = study.expect(0, &["report", "study.toml", "--single-file"]);
    let path = study.path().join("reports/small.html");
    assert!(said.contains("reports/small.html"), "{said}");
    let single = fs::read_to_string(&path).unwrap();
    assert!(single.contains("src=\"data:image/jpeg;base64,") && !single.contains("src=\"images/"));
    study.expect(0, &["report", "study.toml", "--single-file", "--max-size", "30"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), single, "it may be replaced, and is the same");
    fs::write(study.path().join("mine.html"), "mine").unwrap();
    let said = study.expect(2, &["report", "study.toml", "--single-file=mine.html"]);
    assert!(said.contains("mine.html exists"), "{said}");
    assert_eq!(fs::read_to_string(study.path().join("mine.html")).unwrap(), "mine");
    assert!(study.expect(2, &["report", "study.toml", "--max-size", "30"]).contains("--single-file"));

    // A desktop that writes down what it is asked to open.
    let opened = study.path().join("opened");
    let desktop = |name: &str| fake_desktop(&study, name, &opened);
    let run = |variables: &[(&str, &str)]| {
        let _ = fs::remove_file(&opened);
        let mut command = study.command(&["report", "study.toml", "--open"]);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("PATH", desktop("xdg-open"));
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&[]).contains("there is no desktop here"));
    assert!(run(&[("DISPLAY", ":0"), ("CI", "true")]).contains("CI is set"));
    assert_eq!(run(&[("DISPLAY", ":0")]), "");
    for _ in 0..100 {
        if fs::read_to_string(&opened).is_ok_and(|text| text.ends_with('\n')) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(fs::read_to_string(&opened).unwrap().ends_with("reports/small/index.html\n"));
}

/// A `PATH` whose programs open pages by writing their names down.
fn fake_desktop(study: &Study, name: &str, opened: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = study.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join(name);
    fs::write(&program, format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn another_study_stands_beside_this_one() {
    let text = quick().replace("a {identifier} {class} on the beach", "</script><img src=x onerror=alert(1)>");
    let study = Study::new(&text);
    let evil = text
        .replace("name = \"small\"", "name = \"other\"\ntitle = \"<script>alert(1)</script> \u{202e}“x\"")
        .replace("rank = 2", "rank = 1");
    study.write("other \"<b>.toml", &evil);
    study.expect(0, &["study.toml"]);
    study.expect(0, &["other \"<b>.toml"]);
    let before = study.results();
    study.expect(0, &["report", "study.toml", "--compare", "other \"<b>.toml"]);
    let page = page(&study);
    assert!(page.contains("id=\"compare\"") && page.contains("train.rank"), "what differs is said");
    assert!(page.contains("measured in the same way"), "same photos");
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "texts stay texts");
    let copied: Vec<_> = study.results().into_keys().filter(|name| name.starts_with("small/compare/")).collect();
    assert_eq!(copied.len(), 2, "2 cells: {copied:?}");
    for name in copied {
        let link = name.strip_prefix("small/").unwrap();
        let bytes = fs::read(study.path().join("reports").join(&name)).unwrap();
        let own = study.path().join("reports/other").join(link.strip_prefix("compare/").unwrap());
        assert_eq!(bytes, fs::read(own).unwrap());
    }
    // Without it the report is as before.
    study.expect(0, &["report", "study.toml"]);
    assert_eq!(study.results(), before);
    assert!(study.expect(96, &["report", "study.toml", "--compare", "none.toml"]).contains("none.toml"));
}
