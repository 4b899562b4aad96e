//! Words and lists.

/// `1 photo`, `2 photos`, `2 copies`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// `a, b and c`.
#[must_use]
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    joined(items, "and")
}

/// `a, b or c`.
#[must_use]
pub fn either<S: AsRef<str>>(items: &[S]) -> String {
    joined(items, "or")
}

fn joined<S: AsRef<str>>(items: &[S], before_last: &str) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {before_last} {last}", first.join(", ")),
    }
}

/// At most that many characters; `…` marks what is cut off.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Text that may come from a file, safe to show: control characters (escape sequences) become `\u{1b}`; line
/// ends and tabs stay.
#[must_use]
pub fn plain_text(text: &str) -> String {
    let keep = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(keep) {
        return text.to_owned();
    }
    text.chars().map(|c| if keep(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_and_listed() {
        assert_eq!([count(1, "cell"), count(0, "cell"), count(2, "copy")], ["1 cell", "0 cells", "2 copies"]);
        assert_eq!([list(&["a"]), list(&["a", "b", "c"]), list::<&str>(&[])], ["a", "a, b and c", ""]);
        assert_eq!(either(&["a", "b", "c"]), "a, b or c");
        assert_eq!([shortened("漫画", 2), shortened("漫画x", 2)], ["漫画", "漫画…"]);
    }

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(plain_text("a\x1b[2Jb\nc\u{9b}31m é漫"), "a\\u{1b}[2Jb\nc\\u{9b}31m é漫");
    }
}
