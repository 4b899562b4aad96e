//! `runner clean`: what the store holds, and how to get rid of it.

use super::{
    exit::{Exit, Failure, OrExit},
    options::{OutputArgs, ReportsDir},
    output::{emit, emit_json},
    study::{DeviceClassArgs, models_are_known},
};
use crate::{
    stage::Stage,
    store::{Entry, Key, State, Store},
    text::{bytes, plain_name, plain_text, table},
};
use clap::Args;
use serde_json::json;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Show what the store holds, and remove what is not needed
///
/// Without options it only lists. Artifacts that are removed are made again when an experiment needs them. Nothing is
/// removed while another runner works in the store. Reports stay, and so do files in the store that this program did
/// not write: they are named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner clean                 list everything with its size\n  \
        runner clean --broken        remove failed, unfinished and damaged work\n  \
        runner clean --keep experiments/shinchan.toml\n                               \
        remove all that this experiment does not need\n  \
        runner clean --all           empty the store\n\nResult: a table; the last line says how much was freed.")]
pub struct CleanArgs {
    /// Remove damaged artifacts (every byte is checked), records of failures and work that was begun and not finished
    #[arg(long)]
    broken: bool,
    /// Remove what this experiment does not need (repeat to keep the needs of several)
    #[arg(long, value_name = "EXPERIMENT.toml", conflicts_with = "broken")]
    keep: Vec<PathBuf>,
    /// Remove everything
    #[arg(long, conflicts_with_all = ["broken", "keep"])]
    all: bool,
    #[command(flatten)]
    class: DeviceClassArgs,
    #[command(flatten)]
    reports: ReportsDir,
}

pub(super) fn execute(args: &CleanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let needed = args.needed(output)?;
    let wanted = |entry: &Entry| {
        args.all
            || (args.broken && entry.state != State::Done)
            || (!args.keep.is_empty() && !needed.contains(&(entry.stage, entry.key.clone())))
    };
    let root = args.reports.store();
    let store = if args.removes() { alone(&root)? } else { Store::reader(&root) };
    let mut rows = Vec::new();
    let mut freed = 0;
    for entry in store.list(args.broken) {
        let what = match wanted(&entry) {
            false => "",
            true if store.discard(&entry).or_exit(Exit::Internal)? => "removed",
            true => "in use",
        };
        freed += if what == "removed" { entry.bytes } else { 0 };
        rows.push((entry, what));
    }
    if args.removes() {
        store.sweep().or_exit(Exit::Internal)?;
    }
    report(&Listed { rows, freed, foreign: store.foreign() }, args, output)
}

/// What the store holds, and what was done about it.
struct Listed {
    /// An entry, and `removed`, `in use` or nothing.
    rows: Vec<(Entry, &'static str)>,
    /// Bytes that were removed.
    freed: u64,
    /// What this program did not write.
    foreign: Vec<PathBuf>,
}

/// Opens the store, unless somebody works in it.
fn alone(root: &Path) -> Result<Store, Failure> {
    Store::alone(root).or_exit(Exit::Internal)?.ok_or_else(|| {
        let error = anyhow::anyhow!(
            "another runner works in {}; nothing was removed. Wait until it has ended, or stop it (Ctrl-C saves a \
             checkpoint first)",
            root.display()
        );
        Failure::new(Exit::Experiment, error)
    })
}

impl CleanArgs {
    /// Whether anything is to be removed, not only listed.
    fn removes(&self) -> bool {
        self.all || self.broken || !self.keep.is_empty()
    }

    /// The artifacts of the experiments to keep.
    fn needed(&self, output: &OutputArgs) -> Result<BTreeSet<(Stage, Key)>, Failure> {
        let mut needed = BTreeSet::new();
        for experiment in &self.keep {
            let study = self.class.plan_file(experiment, &self.reports, output)?;
            models_are_known(&study, "nothing was removed")?;
            needed.extend(study.plan.jobs.into_iter().map(|job| (job.stage, job.key)));
        }
        Ok(needed)
    }
}

fn report(listed: &Listed, args: &CleanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let Listed { rows, freed, foreign } = listed;
    if output.json() {
        for (entry, what) in rows {
            emit_json(&json!({
                "stage": entry.stage, "key": entry.key, "state": state(&entry.state), "bytes": entry.bytes,
                "path": entry.path, "removed": *what == "removed",
            }))?;
        }
        for path in foreign {
            emit_json(&json!({"state": "foreign", "path": path, "removed": false}))?;
        }
        return Ok(Exit::Done);
    }
    let line = |(entry, what): &(Entry, &'static str)| {
        let reason = if let State::Damaged(reason) = &entry.state { plain_text(reason) } else { String::new() };
        let stage = entry.stage.to_string();
        vec![stage, entry.key.to_string(), bytes(entry.bytes), state(&entry.state).into(), (*what).to_owned(), reason]
    };
    emit(&table(&rows.iter().map(line).collect::<Vec<_>>()))?;
    for path in foreign {
        emit(&format!("not made by runner, left alone: {}\n", plain_name(&path.display().to_string())))?;
    }
    let total: u64 = rows.iter().map(|(entry, _)| entry.bytes).sum();
    let sum = if args.removes() {
        format!("{} freed, {} left in {}\n", bytes(*freed), bytes(total - freed), args.reports.store().display())
    } else {
        format!("{} in {}\n", bytes(total), args.reports.store().display())
    };
    emit(&sum)?;
    Ok(Exit::Done)
}

fn state(state: &State) -> &'static str {
    match state {
        State::Done => "done",
        State::Damaged(_) => "damaged",
        State::Unfinished => "unfinished",
        State::Failed => "failed",
    }
}
