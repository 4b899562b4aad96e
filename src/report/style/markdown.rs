//! Markdown.

/// Text that Markdown and HTML show as it is, on one line.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A table: its head, how its columns are aligned (`---`, `---:`), and its rows. It has no line end after its last row.
pub(crate) fn table(head: &[&str], align: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| format!("\n| {} |", row.join(" | ")));
    format!("| {} |\n|{}|{}", head.join(" | "), align.join("|"), rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_texts_is_shown_not_obeyed() {
        assert_eq!(escape("<b>|*x*\n[a](b)"), "&lt;b>\\|\\*x\\* \\[a\\](b)");
    }

    #[test]
    fn tables_have_a_line_per_row() {
        let row = |text: &str| vec![text.to_owned(), "1".to_owned()];
        assert_eq!(
            table(&["a", "b"], &["---", "---:"], [row("x"), row("y")]),
            "| a | b |\n|---|---:|\n| x | 1 |\n| y | 1 |"
        );
    }
}
