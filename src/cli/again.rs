//! This command line, ready to be pasted into a shell.

use crate::text::{plain_text, shell_line};

/// The command line of this process, quoted for a shell.
pub(super) fn again() -> String {
    shell_line(std::env::args_os().map(|word| plain_text(&word.to_string_lossy())))
}

/// The same, without the race.
pub(super) fn unraced() -> String {
    let words = std::env::args_os().map(|word| plain_text(&word.to_string_lossy()));
    shell_line(words.chain(["--set", "race.rungs=[]"].map(str::to_owned)))
}
