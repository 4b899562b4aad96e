//! This command line, ready to be pasted into a shell.

use shlex::try_join;

use crate::text::plain_text;

/// The command line of this process, quoted for a shell.
pub(super) fn again() -> String {
    quoted(std::env::args_os().map(|word| plain_text(&word.to_string_lossy())))
}

/// The same, without the race.
pub(super) fn unraced() -> String {
    let words = std::env::args_os().map(|word| plain_text(&word.to_string_lossy()));
    quoted(words.chain(["--set", "race.rungs=[]"].map(str::to_owned)))
}

/// Joins words so that a shell takes them apart again.
pub(super) fn quoted(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    // Only a zero byte cannot be quoted, and no argument has one.
    try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["runner", "a b.toml", "--only", "dataset.size=5 train.rank=4", "it's", "", "漫画", "$HOME"];
        let line = quoted(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(shlex::split(&line).unwrap(), words);
        assert!(line.starts_with("runner 'a b.toml' --only "), "{line}");
        let plain = ["experiments/a.toml", "--format", "json"].map(str::to_owned);
        assert_eq!(quoted(plain.into_iter()), "experiments/a.toml --format json");
    }
}
