//! Options that sub-commands share.

use std::{io::stderr, path::PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::choice::Choice;
use crate::stage::Stage;
use crate::term::{ColorChoice, ProgressMode};
use crate::text::Paint;

/// Options of every command.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArgs {
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true, help_heading = "Output")]
    pub(super) color: ColorChoice,
    /// How to show progress
    #[arg(long, value_enum, value_name = "HOW", default_value_t, global = true, help_heading = "Output")]
    pub(super) progress: ProgressMode,
    /// Text for people, or one JSON value per line on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true, help_heading = "Output")]
    pub(super) format: Format,
}

/// Form of the results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON value per line on standard output
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

/// How much of the machine is used, for every command.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct MachineArgs {
    /// Use N CPU threads; all cores if not given
    #[arg(long, short, value_name = "N", global = true)]
    pub(super) jobs: Option<std::num::NonZeroUsize>,
}

/// Reads the name of a stage; help and errors list the names there are.
pub(super) fn stages() -> impl TypedValueParser<Value = Stage> {
    PossibleValuesParser::new(Stage::ALL.map(Stage::name))
        .try_map(|name| Stage::of_name(&name).ok_or("no stage has this name"))
}

/// Reads a choice by its word; help and errors list the words there are.
pub(super) fn words<C: Choice + Send + Sync>() -> impl TypedValueParser<Value = C> {
    PossibleValuesParser::new(C::words()).try_map(|word| C::from_word(&word))
}
