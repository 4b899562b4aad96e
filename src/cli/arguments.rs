//! What may be said on the command line.

use super::{clean, doctor, exit::Exit, generate, lora, plan, report, run, status};
use crate::term::{ColorChoice, Paint, ProgressMode};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::{ffi::OsString, io::stderr, path::PathBuf};

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
    pub(super) command: Command,
    /// How to say it.
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(run::RunArgs),
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    Report(report::ReportArgs),
    Generate(generate::GenerateArgs),
    /// Print every setting with its default and what it means
    #[command(after_help = "Example:\n  runner defaults > defaults.toml\n\nResult: a commented TOML file.")]
    Defaults,
    /// Look into an adapter file, or convert it for other programs
    #[command(subcommand)]
    Lora(lora::LoraCommand),
    Doctor(doctor::DoctorArgs),
    Clean(clean::CleanArgs),
}

/// Options of every command.
#[derive(Debug, Default, Args)]
pub(super) struct OutputArgs {
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true, help_heading = "Output")]
    pub(super) color: ColorChoice,
    /// How to show progress
    #[arg(long, value_enum, value_name = "HOW", default_value_t, global = true, help_heading = "Output")]
    pub(super) progress: ProgressMode,
    /// For people, or one JSON value a line on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true, help_heading = "Output")]
    pub(super) format: Format,
}

/// Form of the results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON value a line on standard output
    Json,
}

impl OutputArgs {
    pub(super) fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Colours for standard error.
    pub(super) fn error_paint(&self) -> Paint {
        self.color.paint(&stderr())
    }

    /// Whether standard error is coloured.
    pub(super) fn error_color(&self) -> bool {
        self.error_paint().is_on()
    }
}

/// Where reports and the store are.
#[derive(Clone, Debug, Args)]
pub(super) struct ReportsDir {
    /// Folder of the reports; the store is its .store
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub(super) reports_dir: PathBuf,
}

impl ReportsDir {
    /// The store's folder.
    pub(super) fn store(&self) -> PathBuf {
        self.reports_dir.join(".store")
    }
}

impl Arguments {
    /// Colours for error messages.
    #[must_use]
    pub fn error_paint(&self) -> Paint {
        self.output.error_paint()
    }

    /// CPU threads asked for.
    pub(super) fn threads(&self) -> Option<usize> {
        let study = match &self.command {
            Command::Run(args) => &args.study,
            Command::Plan(args) => &args.study,
            Command::Status(args) => &args.study,
            Command::Report(args) => &args.study,
            Command::Generate(args) => return args.jobs.map(usize::from),
            _ => return None,
        };
        study.jobs.map(usize::from)
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
