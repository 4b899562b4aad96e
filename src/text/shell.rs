//! Words as a shell reads them.

use shlex::try_quote;

/// A word, quoted so that a shell takes it as one.
#[must_use]
pub fn shell_word(word: &str) -> String {
    // Only a zero byte cannot be quoted; no path and no argument has one.
    try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

/// Words as one line, so that a shell takes them apart again.
#[must_use]
pub fn shell_line<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["runner", "a b.toml", "--only", "dataset.size=5 train.rank=4", "it's", "", "漫画", "$HOME"];
        let line = shell_line(words);
        assert_eq!(shlex::split(&line).unwrap(), words);
        assert!(line.starts_with("runner 'a b.toml' --only "), "{line}");
        assert_eq!(shell_line(["experiments/a.toml", "--format", "json"]), "experiments/a.toml --format json");
    }
}
