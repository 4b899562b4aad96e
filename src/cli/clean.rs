//! `runner clean`: what the store holds, and how to get rid of it.

use super::{
    arguments::{OutputArgs, ReportsDir},
    exit::{Exit, Failure, OrExit},
    output::{emit, emit_json, table},
};
use crate::{
    store::{Entry, State, Store},
    term::{bytes, plain_text},
};
use clap::Args;
use serde_json::json;

/// Show what the store holds, and remove what is not needed
///
/// Without options it only lists. Artifacts that are removed are made again when an experiment needs them. What
/// another runner works on right now is never touched. Reports stay.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner clean                 list everything with its size\n  \
        runner clean --broken        remove failed, unfinished and damaged work\n  \
        runner clean --all           empty the store\n\nResult: a table; the last line says how much was freed.")]
pub(super) struct CleanArgs {
    /// Remove damaged artifacts, records of failures and work that was begun and not finished
    #[arg(long)]
    broken: bool,
    /// Remove everything
    #[arg(long, conflicts_with = "broken")]
    all: bool,
    #[command(flatten)]
    reports: ReportsDir,
}

pub(super) fn execute(args: &CleanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let root = args.reports.store();
    let store = if args.all || args.broken {
        if !root.is_dir() {
            return report(&[], 0, args, output);
        }
        Store::open(&root).or_exit(Exit::Experiment)?
    } else {
        Store::reader(&root)
    };
    let mut rows = Vec::new();
    let mut freed = 0;
    for entry in store.list().or_exit(Exit::Internal)? {
        let wanted = args.all || (args.broken && entry.state != State::Done);
        let removed = wanted && store.discard(&entry).or_exit(Exit::Internal)?;
        freed += if removed { entry.bytes } else { 0 };
        let what = match (wanted, removed) {
            (true, true) => "removed",
            (true, false) => "in use",
            _ => "",
        };
        rows.push((entry, what));
    }
    report(&rows, freed, args, output)
}

fn report(rows: &[(Entry, &str)], freed: u64, args: &CleanArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    if output.json() {
        for (entry, what) in rows {
            emit_json(&json!({
                "stage": entry.stage, "key": entry.key, "state": state(&entry.state), "bytes": entry.bytes,
                "path": entry.path, "removed": *what == "removed",
            }))?;
        }
        return Ok(Exit::Done);
    }
    let line = |(entry, what): &(Entry, &str)| {
        let reason = if let State::Damaged(reason) = &entry.state { plain_text(reason) } else { String::new() };
        let stage = entry.stage.to_string();
        vec![stage, entry.key.to_string(), bytes(entry.bytes), state(&entry.state).into(), (*what).to_owned(), reason]
    };
    emit(&table(&rows.iter().map(line).collect::<Vec<_>>()))?;
    let total: u64 = rows.iter().map(|(entry, _)| entry.bytes).sum();
    let sum = if args.all || args.broken {
        format!("{} freed, {} left in {}\n", bytes(freed), bytes(total - freed), args.reports.store().display())
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
