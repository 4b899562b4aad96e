//! `runner import dreambooth`: from a benchmark's folder to experiments that can be planned.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use runner::experiment::{Experiment, Overrides};

const LIST: &str = "Classes\n\nsubject_name,class\nrobot_toy,toy\ndog,dog\nabsent,\"odd\n..,up\n\nPrompts\n\n\
    Object Prompts\n\nprompt_list = [\n'a {0} {1} in the jungle'.format(unique_token, class_token),\n\
    'a red {0} {1}'.format(unique_token, class_token)\n]\n\n\
    Live Subject Prompts\n\nprompt_list = [\n'a {0} {1} wearing a red hat'.format(unique_token, class_token)\n]\n";

/// A benchmark of two subjects.
fn benchmark() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let photos = common::root().join("experiments/data/shinchan");
    for (subject, numbers) in [("robot_toy", ["00", "02", "05"]), ("dog", ["07", "10", "12"])] {
        fs::create_dir(folder.path().join(subject)).unwrap();
        for number in numbers {
            let name = format!("{number}.jpg");
            fs::copy(photos.join(&name), folder.path().join(subject).join(&name)).unwrap();
        }
    }
    fs::write(folder.path().join("prompts_and_classes.txt"), LIST).unwrap();
    folder
}

fn import(project: &Path, folder: &Path, more: &[&str]) -> Output {
    common::runner(project).args(["import", "dreambooth"]).arg(folder).args(more).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn load(file: PathBuf) -> Experiment {
    Experiment::load(&file, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_subject_gets_an_experiment() {
    let (folder, project) = (benchmark(), tempfile::tempdir().unwrap());
    let output = import(project.path(), folder.path(), &["--out", "bench"]);
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("2 experiments in bench; 2 subjects of the list have no folder."), "{text}");
    let out = project.path().join("bench");
    assert_eq!(names(&out), ["README.md", "dog.toml", "dreambooth.toml", "robot_toy.toml"]);
    let robot = load(out.join("robot_toy.toml"));
    assert!(robot.warnings.is_empty(), "{:?}", robot.warnings);
    assert_eq!(robot.name, "dreambooth-robot_toy");
    let settings = &robot.settings;
    assert_eq!((settings.subject.class.as_str(), settings.dataset.size, settings.dataset.held_out), ("toy", 3, 0));
    assert_eq!(settings.generate.images.prompts, ["a aawxbc toy in the jungle", "a red aawxbc toy"]);
    assert_eq!(load(out.join("dog.toml")).settings.generate.images.prompts, ["a aawxbc dog wearing a red hat"]);
    assert!(fs::read_to_string(out.join("README.md")).unwrap().contains("for subject in dog robot_toy; do runner"));
}

#[test]
fn a_class_can_be_called_alive() {
    let (folder, project) = (benchmark(), tempfile::tempdir().unwrap());
    assert!(import(project.path(), folder.path(), &["--live", "toy"]).status.success());
    let robot = load(project.path().join("dreambooth/robot_toy.toml"));
    assert_eq!(robot.settings.generate.images.prompts, ["a aawxbc toy wearing a red hat"]);
}

#[test]
fn nothing_is_replaced_without_force() {
    let (folder, project) = (benchmark(), tempfile::tempdir().unwrap());
    let mine = project.path().join("dreambooth/robot_toy.toml");
    fs::create_dir(project.path().join("dreambooth")).unwrap();
    fs::write(&mine, "mine").unwrap();
    let refused = import(project.path(), folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(error(&refused).contains("robot_toy.toml exists already"), "{}", error(&refused));
    assert_eq!(names(&project.path().join("dreambooth")), ["robot_toy.toml"], "nothing else was written");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
    assert!(import(project.path(), folder.path(), &["--force"]).status.success());
    assert!(fs::read_to_string(&mine).unwrap().contains("extends"));
}

#[test]
fn folders_that_are_no_benchmark_are_refused_by_name() {
    let (folder, project) = (benchmark(), tempfile::tempdir().unwrap());
    let refused = |expected: &str| {
        let output = import(project.path(), folder.path(), &[]);
        assert_eq!(output.status.code(), Some(96), "{}", error(&output));
        assert!(error(&output).contains(expected), "{expected}: {}", error(&output));
        assert!(!project.path().join("dreambooth").exists());
    };
    fs::create_dir(folder.path().join("a b")).unwrap();
    refused("a b: rename it");
    fs::remove_dir(folder.path().join("a b")).unwrap();
    fs::create_dir(folder.path().join("can")).unwrap();
    refused("can: has no class; add a line `can,CLASS` to");
    fs::remove_dir(folder.path().join("can")).unwrap();
    fs::write(folder.path().join("dog/10.jpg"), b"\xff\xd8\xff\xe0").unwrap();
    refused("dog: a photo cannot be used");
    fs::remove_file(folder.path().join("dog/10.jpg")).unwrap();
    fs::write(folder.path().join("prompts_and_classes.txt"), vec![b'a'; 2_000_000]).unwrap();
    refused("more than 1000000 bytes");
    fs::remove_file(folder.path().join("prompts_and_classes.txt")).unwrap();
    refused("prompts_and_classes.txt cannot be read");
}
