//! How progress is shown.

use std::io::IsTerminal;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressMode {
    /// A bar on a terminal; lines elsewhere, in CI and with `TERM=dumb`
    #[default]
    Auto,
    /// A bar with rate and remaining time
    Bar,
    /// A line now and then
    Plain,
    /// Only warnings and failures
    None,
}

impl ProgressMode {
    /// Replaces `Auto` by what suits this standard error and environment.
    #[must_use]
    pub fn resolve(self) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto if !std::io::stderr().is_terminal() || set("CI") => Self::Plain,
            Self::Auto if std::env::var_os("TERM").is_some_and(|term| term == "dumb") => Self::Plain,
            Self::Auto => Self::Bar,
            chosen => chosen,
        }
    }
}
