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

/// Text that may come from a file, safe to show: control characters (escape sequences) and signs that hide or reorder
/// others become `\u{1b}`; line ends and tabs stay.
#[must_use]
pub fn plain_text(text: &str) -> String {
    shown(text, |c| c == '\n' || c == '\t' || !(c.is_control() || hides(c)))
}

/// Like [`plain_text`], for a name: line ends and tabs are shown as `\n` and `\t`, so that it cannot look like more
/// lines of the program.
#[must_use]
pub fn plain_name(name: &str) -> String {
    shown(name, |c| !(c.is_control() || hides(c)))
}

fn shown(text: &str, keep: impl Fn(char) -> bool) -> String {
    if text.chars().all(&keep) {
        return text.to_owned();
    }
    let show = |c: char| match c {
        c if keep(c) => c.to_string(),
        '\n' | '\r' | '\t' => c.escape_default().to_string(),
        c => c.escape_unicode().to_string(),
    };
    text.chars().map(show).collect()
}

/// Signs that show nothing or reorder their neighbours: they could make one text look like another.
#[must_use]
pub fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e001f}' | '\u{e0080}'..='\u{e0fff}')
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

    #[test]
    fn a_name_stays_on_its_line_and_in_its_order() {
        assert_eq!(plain_text("\u{202e}gpj.a\u{200b}\n"), "\\u{202e}gpj.a\\u{200b}\n");
        assert_eq!(plain_name("a\r\nerror: no\tphoto\u{2066}\u{1b}[2J"), "a\\r\\nerror: no\\tphoto\\u{2066}\\u{1b}[2J");
        assert_eq!(plain_name("שלום 👩\u{200d}🎨 é漫"), "שלום 👩\u{200d}🎨 é漫");
    }
}
