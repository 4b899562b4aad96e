//! What may be said on the command line.

use super::{
    clean, completions, diff, doctor,
    exit::Exit,
    finding, generate_args, import, lock, lora, man,
    options::{MachineArgs, OutputArgs},
    photos, plan, report, run, status, submit, work,
};
use crate::text::Paint;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// How many photos does a LoRA need? Train, compare and report a whole study from one file.
#[derive(Debug, Parser)]
#[command(
    name = "runner",
    version,
    arg_required_else_help = true,
    override_usage = "runner EXPERIMENT.toml [OPTIONS]\n       runner COMMAND …",
    after_help = "Examples:\n  \
        runner experiments/shinchan.toml          run a study; the report is reports/shinchan/index.html\n  \
        runner plan experiments/shinchan.toml     what it would do, what is already done, and why\n  \
        runner help generate                      more about a command\n\n\
        Exit codes: 0 done · 1 internal error · 2 wrong command line · 4 no cell selected ·\n\
        75 stopped by a signal, run again to go on · 96 experiment not usable · 100 some cells failed"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to tell it.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to use of the machine.
    #[command(flatten)]
    pub(super) machine: MachineArgs,
}

// The sub-commands. A doc comment here would become the help of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::RunArgs),
    #[command(flatten)]
    Other(OtherCommand),
}

// Every sub-command but `run`. A doc comment here would become the help of the program.
#[derive(Debug, Subcommand)]
pub enum OtherCommand {
    Work(work::WorkArgs),
    Submit(submit::SubmitArgs),
    Photos(photos::PhotosArgs),
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    Report(report::ReportArgs),
    Finding(finding::FindingArgs),
    Diff(diff::DiffArgs),
    Lock(lock::LockArgs),
    Generate(generate_args::GenerateArgs),
    /// Print every setting with its default and what it means
    #[command(after_help = "Example:\n  runner defaults > defaults.toml\n\nResult: a commented TOML file; \
                              with --format json one object.")]
    Defaults,
    /// Show what an adapter file holds, or convert it for other programs
    #[command(subcommand)]
    Lora(lora::LoraCommand),
    /// Write experiments from what a benchmark has
    #[command(subcommand)]
    Import(import::ImportCommand),
    Doctor(doctor::DoctorArgs),
    Clean(clean::CleanArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Arguments {
    /// Colours for error messages.
    #[must_use]
    pub fn error_paint(&self) -> Paint {
        self.output.error_paint()
    }
}

/// Reads the command line; `runner x.toml` means `runner run x.toml`. Help and mistakes are printed here.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Exit> {
    let arguments = with_run(arguments.into_iter().collect());
    let parsed = Arguments::command().try_get_matches_from(arguments).and_then(|m| Arguments::from_arg_matches(&m));
    parsed.map_err(|error| {
        // A closed stream changes nothing.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Done }
    })
}

/// Puts `run` in front when the first word is an experiment file instead of a command.
fn with_run(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let run = |name: &OsString| {
        let path = std::path::Path::new(name);
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"))
            || path.components().count() > 1
            || path.is_file()
    };
    let command = Arguments::command();
    let takes_value = |option: &str| {
        let found = command.get_subcommands().chain([&command]).flat_map(clap::Command::get_arguments).find(|arg| {
            arg.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long))
                || arg.get_short().is_some_and(|short| option == format!("-{short}"))
        });
        found.is_some_and(|arg| arg.get_action().takes_values())
    };
    let mut index = 1;
    while index < arguments.len() {
        let word = arguments[index].to_string_lossy();
        if word.starts_with('-') && word.len() > 1 && word != "--" {
            index += if takes_value(&word) { 2 } else { 1 };
            continue;
        }
        if command.find_subcommand(&*word).is_none() && word != "help" && run(&arguments[index]) {
            arguments.insert(1, "run".into());
        }
        break;
    }
    arguments
}
