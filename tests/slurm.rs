//! Studies on a real Slurm: a cluster of this one machine, started for the test. Skipped where Slurm is not installed
//! and was not unpacked below `target/slurm` (`tests/slurm/cluster.sh fetch target/slurm`).

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)] // what was not tested must be seen

mod common;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use common::{SMALL, Study, assert_same, decisions, raced, root};

/// A running cluster; one at a time.
struct Cluster {
    folder: PathBuf,
    variables: Vec<(String, String)>,
    _one: MutexGuard<'static, ()>,
}

static ONE: Mutex<()> = Mutex::new(());

impl Cluster {
    /// `None`, with a message, where there is no Slurm.
    fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// With variables that `tests/slurm/cluster.sh` explains.
    fn start_with(variables: &[(&str, &str)]) -> Option<Self> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = std::env::var_os("RUNNER_SLURM").map_or_else(|| root().join("target/slurm"), PathBuf::from);
        let output = cluster("start", &folder, variables);
        if output.status.code() == Some(3) {
            eprintln!("SKIPPED: no Slurm; tests/slurm/cluster.sh fetch {} unpacks it", folder.display());
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find_map(|line| line.strip_prefix("export ")).unwrap();
        let words = shlex::split(line).unwrap();
        let variables = words.iter().filter_map(|word| word.split_once('=')).map(|(k, v)| (k.into(), v.into()));
        Some(Self { folder, variables: variables.collect(), _one: one })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // The program is looked for where Slurm is.
        command.envs(self.variables.iter().cloned());
        command
    }

    /// What one of Slurm's programs prints.
    fn ask(&self, words: &[&str]) -> String {
        let output = self.command("env").args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn runner(&self, study: &Study, words: &[&str]) -> Output {
        study.command(words).envs(self.variables.iter().cloned()).output().unwrap()
    }

    #[track_caller]
    fn expect(&self, code: i32, study: &Study, words: &[&str]) -> String {
        let output = self.runner(study, words);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "runner {words:?} printed:\n{text}");
        text
    }

    /// The tasks in the queue: id, state, name.
    fn queue(&self) -> Vec<[String; 3]> {
        let listing = self.ask(&["squeue", "--noheader", "--array", "--format=%i|%T|%j"]);
        let line = |line: &str| {
            let mut fields = line.trim().split('|').map(str::to_owned);
            [fields.next(), fields.next(), fields.next()].map(Option::unwrap_or_default)
        };
        listing.lines().map(line).collect()
    }

    /// Waits until a task is found; tasks that were queued again may start at once.
    #[track_caller]
    fn wait_for(&self, what: &str, found: impl Fn(&[[String; 3]]) -> bool) {
        let begun = Instant::now();
        loop {
            let queue = self.queue();
            if found(&queue) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "{what} never came: {queue:?}");
            for [id, state, _] in &queue {
                if state == "PENDING" && id.contains('_') {
                    self.ask(&["scontrol", "update", &format!("JobId={id}"), "StartTime=now"]);
                }
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    #[track_caller]
    fn wait_for_the_end(&self) {
        self.wait_for("the end", <[_]>::is_empty);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("env").args(["scancel", "--user=root"]).output();
        cluster("stop", &self.folder, &[]);
        // The next cluster uses the same ports.
        thread::sleep(Duration::from_secs(1));
    }
}

fn cluster(what: &str, folder: &PathBuf, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(root().join("tests/slurm/cluster.sh"));
    command.arg(what).arg(folder).envs(variables.iter().copied()).output().unwrap()
}

/// Three sizes and three rates, with trainings of some seconds.
fn nine_cells() -> String {
    SMALL.replace("dataset.size = [1, 2]", "dataset.size = [1, 2, 3]\ntrain.learning_rate = [1e-3, 2e-3, 4e-3]")
}

fn logs(study: &Study) -> String {
    let mut text = String::new();
    let folders = fs::read_dir(study.path().join("reports/.submitted/small")).into_iter().flatten();
    for folder in folders {
        for file in fs::read_dir(folder.unwrap().path().join("logs")).into_iter().flatten() {
            text += &fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        }
    }
    text
}

#[test]
fn a_study_on_a_cluster_gives_the_same_bytes() {
    let Some(slurm) = Cluster::start() else { return };
    let (alone, study) = (Study::new(&nine_cells()), Study::new(&nine_cells()));
    alone.expect(0, &["study.toml"]);
    let submitted = slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm", "--cpus-per-task", "1"]);
    assert!(submitted.contains("train, 9 tasks") && submitted.contains("generate, 9 tasks"), "{submitted}");
    let training = |queue: &[[String; 3]]| {
        queue.iter().find(|[_, state, name]| state == "RUNNING" && name.ends_with("-train")).map(|task| task[0].clone())
    };
    slurm.wait_for("a training", |queue| training(queue).is_some());
    let status = slurm.expect(0, &study, &["status", "study.toml"]);
    assert!(status.contains("in the queue:") && status.contains("running on"), "{status}");
    // Nothing is submitted twice.
    let again = slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm"]);
    assert!(again.contains("nothing new"), "{again}");
    // A task is taken off its node, one is told that its time is over, and the node takes nothing new for a while.
    let host = slurm.ask(&["hostname", "-s"]).trim().to_owned();
    if let Some(task) = training(&slurm.queue()) {
        slurm.ask(&["scontrol", "requeue", &task]);
    }
    slurm.ask(&["scontrol", "update", &format!("NodeName={host}"), "State=DRAIN", "Reason=test"]);
    thread::sleep(Duration::from_secs(2));
    slurm.ask(&["scontrol", "update", &format!("NodeName={host}"), "State=RESUME"]);
    slurm.wait_for("another training", |queue| training(queue).is_some());
    if let Some(task) = training(&slurm.queue()) {
        slurm.ask(&["scancel", "--batch", "--signal=TERM", &task]);
    }
    slurm.wait_for_the_end();
    assert_same(&alone.results(), &study, "by Slurm");
    let log = logs(&study);
    assert!(!log.contains("panicked"), "{log}");
    assert!(slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm"]).contains("nothing is missing"));
}

#[test]
fn a_task_whose_time_is_over_comes_back_and_a_cancelled_one_does_not() {
    let Some(slurm) = Cluster::start() else { return };
    let long = SMALL.replace("steps = 6", "steps = 100000").replace("dataset.size = [1, 2]", "dataset.size = [1]");
    let study = Study::new(&long);
    slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm"]);
    let has_checkpoint = || {
        let work = fs::read_dir(study.path().join("reports/.store/.work")).into_iter().flatten();
        work.filter_map(Result::ok).any(|entry| entry.path().join("checkpoint").is_dir())
    };
    let running = |queue: &[[String; 3]]| {
        queue.iter().find(|[_, state, name]| state == "RUNNING" && name.ends_with("-train")).map(|task| task[0].clone())
    };
    slurm.wait_for("the training", |queue| running(queue).is_some() && has_checkpoint());
    let task = running(&slurm.queue()).unwrap();
    // What Slurm does two minutes before the end of the time.
    slurm.ask(&["scancel", "--batch", "--signal=TERM", &task]);
    let restarts = || slurm.ask(&["scontrol", "show", "job", "--oneliner", &task]);
    slurm.wait_for("the second turn", |queue| running(queue).is_some() && restarts().contains("Restarts=1"));
    let array = task.split('_').next().unwrap();
    slurm.ask(&["scancel", array]);
    slurm.wait_for_the_end();
    assert!(restarts().contains("JobState=CANCELLED"), "{}", restarts());
    // The study can go on: what is missing is submitted, and only that.
    let again = slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm"]);
    assert!(again.contains("train, 1 task") && !again.contains("prepare"), "{again}");
}

/// A race goes from rung to rung by itself: at the end of each turn a job decides and submits what is next.
#[test]
fn a_race_goes_on_by_itself() {
    let Some(slurm) = Cluster::start() else { return };
    let (alone, study) = (Study::new(&raced()), Study::new(&raced()));
    alone.expect(0, &["study.toml"]);
    let submit = ["submit", "study.toml", "--launcher", "slurm", "--cpus-per-task", "1"];
    let dry = slurm.expect(0, &study, &[&submit[..], &["--dry-run"]].concat());
    assert!(dry.contains("--array=1-6") && !dry.contains("generate"), "images come with the finished trainings: {dry}");
    assert!(dry.contains("next.sh") && dry.contains("'--turns=2' --keep-failed '--cpus-per-task=1'"), "{dry}");
    assert!(!study.path().join("reports/.store").exists(), "nothing is written");
    let submitted = slurm.expect(0, &study, &submit);
    assert!(submitted.contains("train, 6 tasks") && submitted.contains("next turn of the race"), "{submitted}");
    slurm.wait_for_the_end();
    let turns = fs::read_dir(study.path().join("reports/.submitted/small")).unwrap().count();
    assert_eq!(turns, 2, "{}", logs(&study));
    assert_same(&alone.results(), &study, "a race by Slurm");
    assert_eq!(decisions(&study), decisions(&alone));
    assert!(slurm.expect(0, &study, &submit).contains("nothing is missing"));
}

/// A partition whose time is one minute: Slurm tells the task itself, which comes back.
#[test]
#[ignore = "two minutes: a time limit of Slurm is at least one"]
fn a_time_limit_of_slurm_ends_in_a_checkpoint() {
    let Some(slurm) = Cluster::start() else { return };
    let long = SMALL.replace("steps = 6", "steps = 1000000").replace("dataset.size = [1, 2]", "dataset.size = [1]");
    let study = Study::new(&long);
    slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm", "--partition", "short", "--time", "1"]);
    let training = |queue: &[[String; 3]]| {
        queue.iter().find(|[_, state, name]| state == "RUNNING" && name.ends_with("-train")).map(|task| task[0].clone())
    };
    slurm.wait_for("the training", |queue| training(queue).is_some());
    let task = training(&slurm.queue()).unwrap();
    let shown = || slurm.ask(&["scontrol", "show", "job", "--oneliner", &task]);
    slurm.wait_for("the second turn", |queue| training(queue).is_some() && shown().contains("Restarts=1"));
    let log = || logs(&study);
    let begun = Instant::now();
    while !log().contains("continuing at step") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", log());
        thread::sleep(Duration::from_millis(300));
    }
    assert!(log().contains("stopped; nothing is lost"), "{}", log());
}

/// Two daemons with host names of their own are two nodes: work goes to both, with the bytes of one machine.
#[test]
fn two_nodes_share_a_study() {
    let Some(slurm) = Cluster::start_with(&[("SLURM_TEST_NODES", "2"), ("SLURM_TEST_CPUS", "1")]) else { return };
    let text = raced().replace("rungs = [0.5]", "rungs = []");
    let (alone, study) = (Study::new(&text), Study::new(&text));
    alone.expect(0, &["study.toml"]);
    slurm.expect(0, &study, &["submit", "study.toml", "--launcher", "slurm", "--cpus-per-task", "1"]);
    let mut nodes = std::collections::BTreeSet::new();
    let both = std::cell::RefCell::new(&mut nodes);
    slurm.wait_for("the end", |queue| {
        let listing = slurm.ask(&["squeue", "--noheader", "--array", "--states=RUNNING", "--format=%N"]);
        both.borrow_mut().extend(listing.lines().map(|line| line.trim().to_owned()));
        queue.is_empty()
    });
    assert_same(&alone.results(), &study, "by two nodes");
    assert!(nodes.len() == 2 && nodes.contains("second"), "{nodes:?}");
}

#[test]
fn limits_of_slurm_are_kept_or_told() {
    let conf = "MaxArraySize=3\nEnforcePartLimits=ALL";
    let Some(slurm) = Cluster::start_with(&[("SLURM_TEST_CONF", conf)]) else { return };
    let study = Study::new(&nine_cells());
    let submit = ["submit", "study.toml", "--launcher", "slurm"];
    let long = slurm.expect(96, &study, &[&submit[..], &["--partition", "short", "--time", "10"]].concat());
    assert!(long.contains("time limit") && long.contains("sinfo"), "{long}");
    assert!(slurm.queue().is_empty(), "nothing stays behind: {:?}", slurm.queue());
    // An index of 3 is too large here: nine trainings become five arrays.
    let submitted = slurm.expect(0, &study, &submit);
    assert!(submitted.contains("train-5, 1 task") && !submitted.contains("train-6"), "{submitted}");
}

#[test]
fn what_slurm_refuses_is_told_in_clear_words() {
    let Some(slurm) = Cluster::start() else { return };
    let study = Study::new(SMALL);
    let submit = ["submit", "study.toml", "--launcher", "slurm"];
    let with =
        |more: &[&'static str]| -> Vec<&'static str> { submit.iter().copied().chain(more.iter().copied()).collect() };
    let wrong = slurm.expect(96, &study, &with(&["--partition", "nonsense"]));
    assert!(wrong.contains("invalid partition") && wrong.contains("sinfo"), "{wrong}");
    let much = slurm.expect(96, &study, &with(&["--gres", "gpu:7", "--set", "model.device=cpu"]));
    assert!(much.contains("sinfo"), "{much}");
    assert!(slurm.queue().is_empty(), "nothing stays behind: {:?}", slurm.queue());
    let dry = slurm.expect(0, &study, &with(&["--dry-run", "--time", "1:00:00"]));
    assert!(dry.contains("--dependency=aftercorr:<train>") && dry.contains("--time=1:00:00"), "{dry}");
    assert!(slurm.queue().is_empty());
    // Without Munge nobody is known.
    let config = fs::read_to_string(slurm.folder.join("run/slurm.conf")).unwrap();
    let other = slurm.folder.join("run/no-munge.conf");
    fs::write(&other, config.replace("munge.sock", "nobody.sock")).unwrap();
    let output =
        study.command(&submit).envs(slurm.variables.iter().cloned()).env("SLURM_CONF", &other).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(96) && text.contains("Munge"), "{text}");
}

#[test]
fn without_slurm_the_error_says_where_to_call_it() {
    let study = Study::new(SMALL);
    let output =
        study.command(&["submit", "study.toml", "--launcher", "slurm"]).env("PATH", "/nowhere").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(96) && text.contains("cannot run `sbatch`") && text.contains("login node"),
        "{text}"
    );
    let dry =
        study.command(&["submit", "study.toml", "--launcher", "slurm", "--dry-run"]).env("PATH", "/nowhere").output();
    assert!(dry.unwrap().status.success());
}
