//! Runs that are stopped or killed, and several runs on one store.

use super::*;

/// Not a test of its own, but the second process that the tests below start. It runs the plan of cells A and B on the
/// store in `RUNNER_TEST_ROOT`, dies at the step in `RUNNER_TEST_KILL` (e.g. `train B/3`), and writes its log beside
/// the store's folders.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child() {
    let Some(root) = std::env::var_os("RUNNER_TEST_ROOT") else { return };
    let kill = std::env::var("RUNNER_TEST_KILL").unwrap_or_default();
    let (name, step) = kill.split_once('/').unwrap_or(("", "0"));
    let ran = run_with(Path::new(&root), &plan(&["A", "B"]), &[(name, step.parse().unwrap(), Trouble::Kill)], None);
    assert_eq!(ran.summary().done, ["A", "B"]);
    std::fs::write(Path::new(&root).join(format!("log-{}", std::process::id())), ran.log.join("\n")).unwrap();
}

fn spawn(root: &Path, kill: &str) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine::tests::kills::child", "--ignored"])
        .env("RUNNER_TEST_ROOT", root)
        .env("RUNNER_TEST_KILL", kill)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Stops or dies at every step of every job: run again, and the files are those of an undisturbed run.
#[test]
fn stopped_and_killed_runs_end_like_undisturbed_ones() {
    let plan = plan(&["A", "B"]);
    let whole = tempfile::tempdir().unwrap();
    run_with(whole.path(), &plan, &[], None).result.unwrap();
    let expected = results(whole.path());
    assert_eq!(expected.len(), 5 * (STEPS as usize + 1));
    let mut done_before = 0;
    for job in &plan.jobs {
        let name = format!("{} {}", job.stage, job.label);
        for step in 0..STEPS {
            let folder = tempfile::tempdir().unwrap();
            let first = run_with(folder.path(), &plan, &[(&name, step, Trouble::Signal)], None);
            assert!(first.summary().stopped && !first.summary().skipped.is_empty(), "{name} {step}");
            let second = run_with(folder.path(), &plan, &[], None);
            assert_eq!(second.summary().done, ["A", "B"]);
            assert_eq!(results(folder.path()), expected, "{name} {step}");
            assert_eq!(first.log.len() + second.log.len(), 5 * STEPS as usize, "{name} {step}: a step was done twice");

            let folder = tempfile::tempdir().unwrap();
            assert!(!spawn(folder.path(), &format!("{name}/{step}")).wait().unwrap().success(), "{name} {step}");
            let second = run_with(folder.path(), &plan, &[], None);
            assert_eq!(second.summary().done, ["A", "B"]);
            assert_eq!(results(folder.path()), expected, "{name} {step}");
            assert_eq!(second.log.len() + done_before, 5 * STEPS as usize, "{name} {step}: a step was done twice");
            done_before += 1;
        }
    }
}

#[test]
fn processes_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3).map(|_| spawn(folder.path(), "")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut steps: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("log-") {
            steps.extend(std::fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned));
        }
    }
    assert_eq!(steps.len(), 5 * STEPS as usize, "nothing twice");
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), 5 * STEPS as usize);
}

#[test]
fn a_stop_before_the_first_job_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, store, stop) = (plan(&["A"]), Store::open(folder.path()).unwrap(), StopFlag::new());
    stop.stop();
    let run = run_of(&plan, &store, &|_: &Event| {}, &stop);
    let summary = run.execute(&mut Fake::default(), &mut || Ok(())).unwrap();
    assert!(summary.stopped && summary.skipped == ["A"]);
}

#[test]
fn two_runs_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A", "B", "C", "D"]);
    let logs: Vec<Vec<String>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| run_with(folder.path(), &plan, &[], None))).collect();
        let runs = runs.into_iter().map(|run| run.join().unwrap());
        runs.map(|ran| {
            assert_eq!(ran.summary().done.len(), 4);
            ran.log
        })
        .collect()
    });
    let mut steps = logs.concat();
    assert_eq!(steps.len(), plan.jobs.len() * STEPS as usize, "nothing twice");
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), plan.jobs.len() * STEPS as usize);
}
