//! What a run does with its cells: made once, reused, failed, reported.

use super::*;

#[test]
fn everything_is_made_once_and_reused() {
    let folder = tempfile::tempdir().unwrap();
    let first = run_with(folder.path(), &plan(&["A", "B"]), &[], None);
    assert_eq!(first.summary().done, ["A", "B"]);
    assert_eq!(first.log.len(), 5 * STEPS as usize);
    assert_eq!(first.reports, 1, "at the end");
    let again = run_with(folder.path(), &plan(&["A", "B"]), &[], None);
    assert!(again.log.is_empty() && again.summary().done.len() == 2 && again.reports == 1);
    assert_eq!(again.names(reused), ["baseline all", "train A", "generate A", "train B", "generate B"]);
    let more = run_with(folder.path(), &plan(&["A", "B", "C"]), &[], None);
    assert_eq!(more.log.len(), 2 * STEPS as usize, "only the new cell: {:?}", more.log);
    let why = more.names(reasons);
    assert_eq!(why, ["not made yet"; 2]);
    assert!(matches!(more.events[0], Event::RunStarted { cells: 3, jobs: 7, todo: 2, .. }));
}

#[test]
fn every_event_of_a_job_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&["A"]);
    let ran = run_with(folder.path(), &plan, &[("generate A", 1, Trouble::Fail)], None);
    let jobs = ran.events.iter().filter_map(|event| match event {
        Event::JobStarted { job, .. } | Event::JobFinished { job, .. } | Event::JobFailed { job, .. } => Some(job),
        _ => None,
    });
    let jobs: Vec<_> = jobs.collect();
    assert_eq!(jobs.iter().map(|job| job.job).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
    for name in jobs {
        let job = &plan.jobs[name.job];
        assert_eq!((name.stage, &name.label, &name.key), (job.stage, &job.label, &job.key.to_string()));
        assert_eq!(name.worker, "cpu");
    }
}

#[test]
fn a_failed_cell_is_recorded_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    for trouble in [Trouble::Fail, Trouble::Panic] {
        let ran = run_with(folder.path(), &plan(&["A", "B", "C"]), &[("train B", 2, trouble)], None);
        assert_eq!(ran.summary().done, ["A", "C"]);
        let [failed] = &ran.summary().failed[..] else { panic!("{:?}", ran.summary()) };
        assert_eq!((failed.label.as_str(), failed.stage), ("B", Stage::Train));
        assert!(failed.reason.contains(if trouble == Trouble::Fail { "not finite" } else { "please report" }));
        assert!(!ran.log.iter().any(|step| step.starts_with("generate B")));
        assert_eq!(ran.resets, 1);
        let told = ran.events.iter().any(|e| matches!(e, Event::JobFailed { cells, .. } if *cells == ["B"]));
        assert!(told);
    }
    let again = run_with(folder.path(), &plan(&["A", "B", "C"]), &[], None);
    assert_eq!(again.summary().done, ["A", "B", "C"]);
    assert!(again.names(reasons)[0].starts_with("failed last time: this is a bug"), "{:?}", again.names(reasons));
    assert_eq!(again.log[0], "train B 2", "goes on from the checkpoint");
}

#[test]
fn a_shared_job_that_fails_takes_all_cells() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan(&["A", "B"]), &[("baseline all", 0, Trouble::Fail)], None);
    assert_eq!(ran.summary().failed.len(), 2);
    assert!(ran.log.is_empty(), "nothing is done for cells that cannot be finished: {:?}", ran.log);
}

#[test]
fn max_fail_begins_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = [("train A", 0, Trouble::Fail), ("train B", 0, Trouble::Fail)];
    let ran = run_with(folder.path(), &plan(&["A", "B", "C"]), &trouble, Some(1));
    assert_eq!((ran.summary().failed.len(), ran.summary().skipped.len()), (1, 2));
    assert!(!ran.summary().stopped);
}

#[test]
fn a_fatal_error_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(folder.path(), &plan(&["A", "B"]), &[("train A", 1, Trouble::Fatal)], None);
    let text = format!("{:#}", ran.result.unwrap_err());
    assert_eq!(text, "train A could not go on: disk full");
}

#[test]
fn advice_is_given_when_memory_is_short() {
    let advice =
        |settings: &Settings, device: &str| with_advice("DriverError(CUDA_ERROR_OUT_OF_MEMORY)", settings, device);
    let mut small = crate::stage::fixture::settings();
    small.train.recipe.gradient_checkpointing = false;
    assert!(advice(&small, "cpu").contains("gradient_checkpointing") && advice(&small, "cpu").contains("low_memory"));
    assert!(!advice(&small, "cuda").contains("low_memory"));
    // What is set already is not advised.
    small.train.recipe.gradient_checkpointing = true;
    (small.train.recipe.batch_size, small.generate.batch_size) = (1, 1);
    (small.model.dtype, small.model.low_memory) = (crate::experiment::settings::Dtype::Int8, true);
    assert!(advice(&small, "cpu").ends_with("to need less memory: a smaller dataset.resolution"));
    assert_eq!(with_advice("loss is NaN", &small, "cpu"), "loss is NaN");
}

#[test]
fn a_report_that_fails_is_in_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, _) = run_reporting(folder.path(), &mut || anyhow::bail!("no room"));
    assert_eq!(summary.report_error.as_deref(), Some("no room"));
    assert_eq!(summary.done, ["A"]);
}
