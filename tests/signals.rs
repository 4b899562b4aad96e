//! Signals and limits of the system: a run ends with a checkpoint, or with an error that is told.

#![cfg(unix)]

mod common;

use common::{SMALL, Study};
use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

/// Runs the study by the shell words `before` and `exec`, sends the signals at the first training step, and returns
/// the exit code and every event line.
fn signalled(study: &Study, before: &str, signals: &[&str]) -> (Option<i32>, Vec<String>) {
    let runner = study.command(&["study.toml", "--format", "json"]);
    let mut shell = Command::new("sh");
    shell.current_dir(study.path()).arg("-c").arg(format!("{before} exec \"$0\" \"$@\""));
    shell.arg(runner.get_program()).args(runner.get_args()).stdin(Stdio::null());
    shell.envs(runner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Whoever runs the tests may ignore SIGHUP (`nohup`), and a shell cannot undo that.
    // SAFETY: between fork and exec only `signal` is called, which is allowed there.
    unsafe {
        shell.pre_exec(|| {
            libc::signal(libc::SIGHUP, libc::SIG_DFL);
            Ok(())
        });
    }
    let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut lines, mut sent) = (Vec::new(), false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if !sent && line.contains("\"event\":\"job_progress\"") && line.contains("\"stage\":\"train\"") {
            for signal in signals {
                let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
                assert!(kill.success());
            }
            sent = true;
        }
        lines.push(line);
    }
    assert!(sent, "training never told its progress: {lines:?}");
    (child.wait().unwrap().code(), lines)
}

/// How many trainings have left a state to go on from.
fn checkpoints(study: &Study) -> usize {
    let work = std::fs::read_dir(study.path().join("reports/.store/.work")).unwrap();
    work.filter(|job| job.as_ref().unwrap().path().join("checkpoint/training").is_file()).count()
}

/// More steps than are done between a signal and its handler.
fn longer() -> Study {
    Study::new(&SMALL.replace("steps = 6", "steps = 400").replace("checkpoint_every = 2", "checkpoint_every = 100000"))
}

#[test]
fn a_closed_terminal_checkpoints() {
    let study = longer();
    // A terminal that closes may send it twice.
    let (code, lines) = signalled(&study, "", &["HUP", "HUP"]);
    assert_eq!(code, Some(75));
    assert!(lines.iter().any(|line| line.contains("\"stopping\"") && line.contains("SIGHUP")), "{lines:?}");
    assert_eq!(checkpoints(&study), 1);
}

#[test]
fn what_batch_systems_send_checkpoints_too() {
    for (signal, name) in [("USR1", "SIGUSR1"), ("XCPU", "ulimit -t")] {
        let (code, lines) = signalled(&longer(), "", &[signal]);
        assert_eq!(code, Some(75), "{signal}");
        assert!(lines.iter().any(|line| line.contains("\"stopping\"") && line.contains(name)), "{signal}: {lines:?}");
    }
}

#[test]
fn nohup_goes_on_after_a_hangup() {
    let (code, lines) = signalled(&Study::new(SMALL), "trap '' HUP;", &["HUP"]);
    assert_eq!(code, Some(0));
    assert!(!lines.iter().any(|line| line.contains("\"stopping\"")), "{lines:?}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let study = longer();
    // Both are there when the program wakes, so it ends before it can write a checkpoint.
    let (code, _) = signalled(&study, "", &["STOP", "TERM", "INT", "CONT"]);
    assert_eq!(code, Some(75));
    assert_eq!(checkpoints(&study), 0);
}

#[test]
fn a_file_that_may_not_grow_is_a_write_error() {
    let study = Study::new(SMALL);
    let runner = study.command(&["study.toml"]);
    // 16 blocks of 512 or 1024 bytes: less than any latents or adapter.
    let output = Command::new("sh")
        .current_dir(study.path())
        .args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(runner.get_program())
        .args(runner.get_args())
        .envs(runner.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write") && text.contains("ulimit -f"), "{text}");
    // With more room it goes on.
    study.expect(0, &["study.toml"]);
}
