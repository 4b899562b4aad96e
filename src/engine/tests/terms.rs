//! Runs that may do a part of a study only.

use super::*;

fn run_some(root: &Path, terms: Terms) -> (Summary, Vec<String>) {
    let (plan, store, stop) = (plan(&["A", "B"]), Store::open(root).unwrap(), StopFlag::new());
    let run = Run { terms, ..run_of(&plan, &store, &|_: &Event| {}, &stop) };
    let mut worker = Fake::default();
    let summary = run.execute(&mut worker, &mut || Ok(())).unwrap();
    worker.log.dedup_by_key(|step| step.rsplit_once(' ').unwrap().0.to_owned());
    let jobs = worker.log.iter().map(|step| step.rsplit_once(' ').unwrap().0.to_owned());
    (summary, jobs.collect())
}

#[test]
fn a_worker_of_one_stage_does_that_stage_only() {
    let folder = tempfile::tempdir().unwrap();
    let of = |stage| Terms { stages: vec![stage], ..Terms::default() };
    let (summary, jobs) = run_some(folder.path(), of(Stage::Generate));
    assert!(jobs.is_empty() && !summary.stopped);
    assert_eq!(summary.stuck, ["generate A", "generate B"], "nobody makes what they need");
    let (summary, jobs) = run_some(folder.path(), of(Stage::Train));
    assert_eq!(jobs, ["train A", "train B"]);
    assert!(summary.stuck.is_empty() && summary.skipped.len() == 2);
    run_some(folder.path(), of(Stage::Baseline));
    let (summary, jobs) = run_some(folder.path(), of(Stage::Generate));
    assert_eq!(jobs, ["generate A", "generate B"]);
    assert_eq!(summary.done, ["A", "B"]);
}

#[test]
fn a_worker_waits_for_what_another_one_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, store) = (plan(&["A", "B"]), Store::open(folder.path()).unwrap());
    run_some(folder.path(), Terms { stages: vec![Stage::Train], ..Terms::default() });
    let Claim::Work(workspace) = store.claim(Stage::Baseline, &plan.jobs[0].inputs.key_inputs()).unwrap() else {
        panic!("nobody else is there")
    };
    let root = folder.path().to_owned();
    let other =
        std::thread::spawn(move || run_some(&root, Terms { stages: vec![Stage::Generate], ..Terms::default() }));
    std::thread::sleep(Duration::from_millis(700));
    assert!(!other.is_finished());
    workspace.write("sum", b"1").unwrap();
    workspace.commit(&Made { seconds: 1.0, device: "cpu".into(), threads: 1 }).unwrap();
    let (summary, jobs) = other.join().unwrap();
    assert_eq!((jobs.len(), summary.done.len()), (2, 2));
}

#[test]
fn a_worker_ends_after_some_jobs() {
    let folder = tempfile::tempdir().unwrap();
    for jobs in [2, 2, 1, 0] {
        let (summary, done) = run_some(folder.path(), Terms { max_jobs: Some(2), ..Terms::default() });
        assert_eq!(done.len(), jobs);
        assert!(summary.stuck.is_empty() && !summary.stopped);
    }
}
