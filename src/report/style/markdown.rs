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

/// The same for sentences of the program, in which pairs of back quotes enclose commands and names of settings: these
/// stay as they are, so that they can be copied.
pub(crate) fn prose(text: &str) -> String {
    // A doubled back quote would open another kind of code.
    if text.contains("``") {
        return escape(text);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, inside)) = rest.split_once('`') {
        let Some((code, after)) = inside.split_once('`') else { break };
        out += &format!("{}`{}`", escape(before), code.replace(['\n', '\r'], " "));
        rest = after;
    }
    out + &escape(rest)
}

/// A block of code. Its fence is longer than any run of back quotes inside, so that nothing inside can end it.
pub(crate) fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}\n{text}\n{fence}")
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
    fn commands_stay_as_they_are() {
        assert_eq!(
            prose("see *x*: `runner a_b.toml --set 'a.b=[0,1]'` and <b>"),
            "see \\*x\\*: `runner a_b.toml --set 'a.b=[0,1]'` and &lt;b>"
        );
        assert_eq!(prose("one ` alone_"), "one \\` alone\\_");
        assert_eq!(prose("``<b>`` `a_b`"), escape("``<b>`` `a_b`"));
    }

    #[test]
    fn nothing_ends_a_block_of_code_from_inside() {
        assert_eq!(code("runner a.toml"), "```\nrunner a.toml\n```");
        assert_eq!(code("a\n````\n<b>"), "`````\na\n````\n<b>\n`````");
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
