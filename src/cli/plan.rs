//! `runner plan X.toml`: what a run would do, and why.

use super::{
    exit::{Exit, Failure, OrExit},
    options::OutputArgs,
    output::{emit, emit_json, warn},
    room::{Room, Verdict, judge, threads},
    study::PlannedArgs,
};
use crate::{plan, report::Owner, store::Store, text::plain_text};
use clap::Args;
use serde_json::json;

/// Show what a run would do: cells, jobs, what is done, why the rest is not, and what it will cost
///
/// Checks what a run checks before it loads a model. Opens no device, uses no network and makes no result: it also
/// works on a laptop or a login node for a study that is run elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner plan experiments/shinchan.toml --set train.rank=8\n  \
                  runner plan experiments/shinchan.toml --device-class cuda\n\n\
                  Result: a table of the cells and one of the jobs, with the reason for each that is not in the \
                  store.")]
pub struct PlanArgs {
    #[command(flatten)]
    planned: PlannedArgs,
}

pub(super) fn execute(args: &PlanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let study = args.planned.open(output)?;
    let folder = args.planned.study.reports.reports_dir.join(&study.plan.name);
    if let Err(other) = Owner::new(&study.file, &study.whole, &folder, false).check(&folder) {
        warn(output.error_paint(), &format!("a run would refuse: {other}"));
    }
    let store = Store::reader(&args.planned.study.reports.store());
    let statuses = study.status(&store).or_exit(Exit::Internal)?;
    let estimate = plan::estimate(&study.plan, &statuses, &store);
    for notice in &study.plan.notices {
        warn(output.error_paint(), notice);
    }
    let memory = study.memory(threads());
    let room = Room::of_class(study.device_class);
    match room.map(|room| judge(&study, &statuses, &memory, room, &|_| true)) {
        None | Some(Verdict::Fits) => {}
        Some(Verdict::Tight(message)) => warn(output.error_paint(), &message),
        Some(Verdict::Never(message)) => warn(output.error_paint(), &format!("a run would refuse here: {message}")),
    }
    if output.json() {
        let mut value = plan::json(&study.plan, &statuses, &estimate, &memory);
        let models = study.models.iter();
        value["models"] =
            models.map(|(sources, model)| json!({"base": sources.base.name(), "about": model.about()})).collect();
        value["memory"] = json!({
            "available_bytes": room.map(|room| room.left),
            "total_bytes": room.map(|room| room.all),
        });
        emit_json(&value)?;
    } else {
        for (sources, model) in &study.models {
            emit(&plain_text(&format!("{}: {}\n", sources.base.name(), model.about())))?;
        }
        emit(&plain_text(&plan::table(&study.plan, &statuses, &estimate, &memory)))?;
    }
    Ok(Exit::Done)
}
