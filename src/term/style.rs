//! When output is coloured.

use std::io::IsTerminal;

use crate::text::Paint;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM=dumb`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// The colours for a stream.
    #[must_use]
    pub fn paint(self, stream: &impl IsTerminal) -> Paint {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint::new(match self {
            Self::Auto => stream.is_terminal() && !no_color && !dumb,
            Self::Always => true,
            Self::Never => false,
        })
    }
}
