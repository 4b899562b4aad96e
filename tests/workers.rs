//! Several workers at one study: the same bytes as one, whoever is killed, stopped or suspended.
#![cfg(unix)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use common::{Study, assert_same, moments};

/// Cells of one tiny model that take a fraction of a second each.
fn toy(seeds: &str) -> Study {
    let text = common::SMALL
        .replace("[train.prior_preservation]\nclass_prompt = \"a photo of a {class}\"\nimages = 2\n", "")
        .replace("steps = 6\n", "steps = 4\nprior_preservation.images = 0\n")
        .replace("resolution = 64", "resolution = 16")
        .replace("steps = 3\nseeds = [0, 1]", "steps = 2\nseeds = [0]")
        .replace("[sweep]\n", &format!("[sweep]\ntrain.seed = {seeds}\n"));
    Study::new(&text)
}

const FEW: &str = "[0, 1]";
const TWELVE: &str = "[0, 1, 2, 3, 4, 5]";

/// The results of one worker, made once.
fn expected(seeds: &'static str) -> &'static BTreeMap<String, Vec<u8>> {
    static MADE: [OnceLock<BTreeMap<String, Vec<u8>>>; 2] = [OnceLock::new(), OnceLock::new()];
    MADE[usize::from(seeds == TWELVE)].get_or_init(|| {
        let study = toy(seeds);
        study.expect(0, &["study.toml"]);
        study.results()
    })
}

/// Whether a process lives; a zombie does not.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The worker processes of this study, told by their folder and their arguments.
fn workers(study: &Study) -> Vec<u32> {
    let folder = study.path().canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_worker = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder);
        here && line.split(|byte| *byte == 0).nth(1) == Some(b"work")
    };
    processes.filter(is_worker).filter(|pid| lives(*pid)).collect()
}

fn signal(pid: u32, signal: &str) {
    // It may have ended meanwhile.
    let _ = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// No process works any more, and no right is held.
#[track_caller]
fn nobody_is_left(study: &Study) {
    let begun = Instant::now();
    while !workers(study).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "orphans: {:?}", workers(study));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No right to a job is held by a process that lives. One that was killed right after its commit could not give its
/// right back; the job is done, and whoever asked for the right would see at once that its holder is dead. One that was
/// killed while it took a right leaves a file that is not a number.
#[track_caller]
fn no_right_is_held(study: &Study) {
    for right in fs::read_dir(study.path().join("reports/.store/.locks")).unwrap().map(Result::unwrap) {
        let is_number = |file: &fs::DirEntry| file.file_name().to_string_lossy().parse::<u64>().is_ok();
        for file in fs::read_dir(right.path()).unwrap().map(Result::unwrap).filter(is_number) {
            let text = fs::read_to_string(file.path()).unwrap();
            let pid = text.split_once("\"pid\":").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
            let is_over = text.contains("\nfree ") || pid.is_some_and(|pid| !lives(pid));
            assert!(is_over, "{}: {text}", right.path().display());
        }
    }
}

fn start(study: &Study, arguments: &[&str]) -> Child {
    study.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end, which may be told by any of the codes.
#[track_caller]
fn end(child: Child, codes: &[i32]) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{:?}: {text}", output.status);
    text
}

#[test]
fn several_workers_end_in_the_bytes_of_one() {
    let expected = expected(FEW);
    let study = toy(FEW);
    let text = study.expect(0, &["study.toml", "--devices", "cpu:2"]);
    assert!(text.contains("2 workers: cpu-1, cpu-2") && text.contains("cpu-2: "), "{text}");
    assert_same(expected, &study, "two workers");
    no_right_is_held(&study);
}

#[test]
#[ignore = "some minutes: twelve cells by one, two and three workers"]
fn twelve_cells_end_in_the_same_bytes_with_one_two_and_three_workers() {
    let expected = expected(TWELVE);
    for devices in ["cpu:1", "cpu:2", "cpu:3"] {
        let study = toy(TWELVE);
        study.expect(0, &["study.toml", "--devices", devices]);
        assert_same(expected, &study, devices);
        no_right_is_held(&study);
    }
}

#[test]
fn separate_workers_share_the_work_and_a_report_follows() {
    let expected = expected(FEW);
    let study = toy(FEW);
    let children = [(); 2].map(|()| start(&study, &["work", "study.toml"]));
    for child in children {
        end(child, &[0]);
    }
    assert!(!study.path().join("reports/small/index.html").exists());
    study.expect(0, &["report", "study.toml"]);
    study.expect(0, &["study.toml"]);
    assert_same(expected, &study, "two commands");
}

/// Kills workers at moments that are spread over the run.
fn kill_workers(seeds: &'static str, kills: usize) {
    let expected = expected(seeds);
    let (mut killed, mut moments) = (0, moments());
    while killed < kills {
        let study = toy(seeds);
        for _ in 0..30 {
            let mut watcher = start(&study, &["study.toml", "--devices", "cpu:2"]);
            while killed < kills && watcher.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_secs_f64(0.1 + 2.0 * moments.next().unwrap()));
                let workers = workers(&study);
                if let Some(pid) = workers.get(killed % workers.len().max(1)) {
                    signal(*pid, "KILL");
                    killed += 1;
                }
            }
            // Workers that are killed too often are not started again, and a job at which they are killed fails.
            end(watcher, &[0, 1, 100]);
            nobody_is_left(&study);
            if study.run(&["plan", "study.toml", "--format", "json"]).status.success()
                && study.command(&["study.toml", "--devices", "cpu:2"]).output().unwrap().status.success()
            {
                break;
            }
        }
        assert_same(expected, &study, &format!("{killed} kills"));
        no_right_is_held(&study);
    }
}

#[test]
fn killed_workers_are_started_again_and_nothing_is_lost() {
    kill_workers(FEW, 3);
}

#[test]
#[ignore = "many minutes: a hundred kills over all stages"]
fn a_hundred_killed_workers_end_in_the_same_bytes() {
    kill_workers(TWELVE, 100);
}

/// Kills the one who watches: its workers stop by themselves.
fn kill_watchers(seeds: &'static str, kills: usize) {
    let expected = expected(seeds);
    let study = toy(seeds);
    for kill in 0..kills {
        let mut watcher = start(&study, &["study.toml", "--devices", "cpu:2"]);
        let begun = Instant::now();
        while workers(&study).is_empty() && watcher.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(150 * (kill as u64 % 7)));
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        nobody_is_left(&study);
        no_right_is_held(&study);
    }
    study.expect(0, &["study.toml", "--devices", "cpu:2"]);
    assert_same(expected, &study, "killed watchers");
}

#[test]
fn a_killed_watcher_leaves_no_orphans() {
    kill_watchers(FEW, 2);
}

#[test]
#[ignore = "some minutes: twenty killed watchers"]
fn twenty_killed_watchers_leave_no_orphans() {
    kill_watchers(TWELVE, 20);
}

#[test]
fn a_signal_stops_all_workers_after_a_checkpoint() {
    let study = toy(FEW);
    let mut watcher = study
        .command(&["study.toml", "--devices", "cpu:2", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(watcher.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains("\"job_progress\"") && !seen.iter().any(|line: &String| line.contains("\"job_progress\"")) {
            signal(watcher.id(), "TERM");
        }
        seen.push(line);
    }
    assert_eq!(watcher.wait().unwrap().code(), Some(75), "{seen:?}");
    nobody_is_left(&study);
    no_right_is_held(&study);
    study.expect(0, &["study.toml"]);
    assert_same(expected(FEW), &study, "after SIGTERM");
}

/// A worker is suspended for longer than its right lasts; another one takes its job over; it wakes up.
#[test]
fn a_suspended_worker_wakes_up_and_does_no_harm() {
    let study = toy(FEW);
    let mut first = study.command(&["work", "study.toml", "--format", "json"]);
    first.env("RUNNER_LEASE_SECONDS", "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.by_ref().find(|line| line.contains("\"job_started\"") && line.contains("\"train\"")).unwrap();
    signal(first.id(), "STOP");
    let status = study.run(&["status", "study.toml"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains(&format!("process {} on cpu", first.id())), "{text}");
    // The other one waits for a second, and then does everything.
    study.expect(0, &["work", "study.toml"]);
    let done = study.run(&["plan", "study.toml"]);
    assert!(String::from_utf8_lossy(&done.stdout).contains("0 to do"));
    signal(first.id(), "CONT");
    let rest: Vec<String> = lines.collect();
    assert_eq!(first.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("left to another runner")), "{rest:?}");
    study.expect(0, &["study.toml"]);
    assert_same(expected(FEW), &study, "suspended");
    no_right_is_held(&study);
}

#[test]
fn the_time_limit_stops_with_a_checkpoint() {
    let study = toy(FEW);
    // A tenth of a second: less than anybody needs.
    let text = study.expect(75, &["work", "study.toml", "--max-hours", "0.00003"]);
    assert!(text.contains("--max-hours") && text.contains("To go on"), "{text}");
    study.expect(0, &["study.toml"]);
    assert_same(expected(FEW), &study, "after the limit");
}
