//! A problem as the user sees it: the line of the file, a caret, what was expected, what to do.

use std::fmt::Write as _;

use super::problem::{Problem, Severity};
use super::source::{Place, Source};
use super::value::printable;
use crate::text::{Paint, width};

impl Problem {
    /// The text shown to the user, without a line end after the last line; `color` adds ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let paint = Paint::new(color);
        let word = if self.severity == Severity::Warning { "warning: " } else { "" };
        let message = format!("{word}{}", self.message);
        let mut out = String::new();
        match &self.place {
            Place::File { source, span } => {
                let (line, column) = source.line_and_column(span.start);
                let place = format!("{}:{line}:{column}:", source.path.display());
                let _ = write!(out, "{} {message}", paint.bold(&place));
                self.excerpt(&mut out, paint, source, line, column, span.len());
            }
            Place::Path(path) => {
                let _ = write!(out, "{} {message}", paint.bold(&format!("{}:", path.display())));
                self.notes(&mut out, paint, 2, self.expected.as_deref());
            }
            Place::Text(what) => {
                let _ = write!(out, "{} {message}", paint.bold(&format!("{}:", printable(what))));
                self.notes(&mut out, paint, 2, self.expected.as_deref());
            }
        }
        out
    }

    /// The source line and the caret.
    fn excerpt(&self, out: &mut String, paint: Paint, source: &Source, line: usize, column: usize, length: usize) {
        let number = line.to_string();
        let gutter = number.len() + 1;
        let text = source.line(line);
        let (shown, before) = window(text, column - 1);
        let _ = write!(out, "\n {number} | {}", printable(&shown));
        let pad: String = before.chars().map(blank).collect();
        // A span that goes on to the next lines is underlined to the end of this one.
        let here: usize = bytes_to_chars(text, column - 1, length);
        let under: usize = text.chars().skip(column - 1).take(here).map(columns).sum();
        let room: usize = shown.chars().map(columns).sum::<usize>().saturating_sub(before.chars().map(columns).sum());
        let carets = "^".repeat(under.clamp(1, room.max(1)));
        let expected = self.expected.as_deref().map(|e| format!(" expected {e}")).unwrap_or_default();
        let _ = write!(
            out,
            "\n {} | {pad}{}",
            " ".repeat(number.len()),
            self.accent(paint, &format!("{carets}{expected}"))
        );
        self.notes(out, paint, gutter + 1, None);
    }

    fn notes(&self, out: &mut String, paint: Paint, indent: usize, expected: Option<&str>) {
        let indent = " ".repeat(indent);
        if let Some(expected) = expected {
            let _ = write!(out, "\n{indent}= expected {expected}");
        }
        if let Some(suggestion) = &self.suggestion {
            let _ = write!(out, "\n{indent}= did you mean {}?", paint.green(&format!("`{}`", printable(suggestion))));
        }
        if let Some(help) = &self.help {
            let _ = write!(out, "\n{indent}= {help}");
        }
    }

    /// The caret and what stands beside it.
    fn accent(&self, paint: Paint, text: &str) -> String {
        if self.severity == Severity::Error { paint.red(text) } else { paint.bold_yellow(text) }
    }
}

/// The part of a long line around character `at`, and the piece of that part before `at`.
fn window(line: &str, at: usize) -> (String, String) {
    const WIDTH: usize = 120;
    let count = line.chars().count();
    if count <= WIDTH {
        return (line.to_owned(), line.chars().take(at).collect());
    }
    let start = at.saturating_sub(WIDTH / 3).min(count - WIDTH);
    let (left, right) = (start > 0, start + WIDTH < count);
    let mut shown: String = line.chars().skip(start).take(WIDTH).collect();
    let mut before: String = line.chars().skip(start).take(at.saturating_sub(start)).collect();
    if left {
        shown.insert(0, '…');
        before.insert(0, '…');
    }
    if right {
        shown.push('…');
    }
    (shown, before)
}

/// The number of characters that `bytes` bytes of `line` cover, starting at character `from`.
fn bytes_to_chars(line: &str, from: usize, bytes: usize) -> usize {
    let mut left = bytes;
    let covered = line.chars().skip(from).take_while(|c| {
        let inside = left > 0;
        left = left.saturating_sub(c.len_utf8());
        inside
    });
    covered.count()
}

/// Spaces as wide as the character.
fn blank(c: char) -> String {
    if c == '\t' { "\t".to_owned() } else { " ".repeat(columns(c)) }
}

/// Terminal columns of a character; a tab counts as one.
fn columns(c: char) -> usize {
    if c == '\t' { 1 } else { width(c.encode_utf8(&mut [0; 4])) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn at(text: &str, needle: &str) -> Place {
        let start = text.find(needle).unwrap();
        let source = Source { path: "x.toml".into(), folder: ".".into(), text: text.into() };
        Place::File { source: Arc::new(source), span: start..start + needle.len() }
    }

    #[test]
    fn caret_stands_under_wide_characters_and_tabs() {
        let problem = Problem::error(at("\tname = [\"漢字\", 7]", "7"), "no").expected("text");
        insta::assert_snapshot!(problem.render(false), @r#"
        x.toml:1:16: no
         1 | 	name = ["漢字", 7]
           | 	                ^ expected text
        "#);
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("a = \"{}\" # {}", "x".repeat(200), "y".repeat(200));
        let shown = Problem::error(at(&text, "# "), "no").render(false);
        assert!(shown.lines().all(|l| l.chars().count() < 130), "{shown}");
        assert!(shown.contains('…') && shown.contains('^'), "{shown}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let shown = Problem::error(at("a = \"\u{1b}[31m\"", "a"), "no").render(false);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }

    #[test]
    fn colours_only_when_asked_for() {
        let problem = Problem::warning(at("a = 1", "1"), "odd").suggestion(Some("b".into()));
        assert!(problem.render(true).contains("\x1b[1;33m^"));
        assert!(!problem.render(false).contains('\x1b'));
    }
}
