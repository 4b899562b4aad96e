//! What is wrong with an experiment file, said so that it can be mended at once.

use std::fmt::{self, Write as _};

use super::source::{Place, Source};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The study is not run.
    Error,
    /// The study is run; the user should know.
    Warning,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the caret points.
    pub place: Place,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, e.g. `` `train.rank` cannot be 0 ``.
    pub message: String,
    /// What should stand there, e.g. `a whole number from 1 to 1024`.
    pub expected: Option<String>,
    /// The most similar word that would be right.
    pub suggestion: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { place, severity, message: message.into(), expected: None, suggestion: None, help: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    /// Adds what should stand there.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds `did you mean …?`.
    #[must_use]
    pub fn suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The text shown to the user, without a line end after the last line; `color` adds ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color, severity: self.severity };
        let word = if self.severity == Severity::Warning { "warning: " } else { "" };
        let message = format!("{word}{}", self.message);
        let mut out = String::new();
        match &self.place {
            Place::File { source, span } => {
                let (line, column) = source.line_and_column(span.start);
                let place = format!("{}:{line}:{column}:", source.path.display());
                let _ = write!(out, "{} {message}", paint.bold(&place));
                self.excerpt(&mut out, &paint, source, line, column, span.len());
            }
            Place::Path(path) => {
                let _ = write!(out, "{} {message}", paint.bold(&format!("{}:", path.display())));
                self.notes(&mut out, &paint, 2, self.expected.as_deref());
            }
            Place::Text(what) => {
                let _ = write!(out, "{} {message}", paint.bold(&format!("{}:", printable(what))));
                self.notes(&mut out, &paint, 2, self.expected.as_deref());
            }
        }
        out
    }

    /// The source line and the caret.
    fn excerpt(&self, out: &mut String, paint: &Paint, source: &Source, line: usize, column: usize, length: usize) {
        let number = line.to_string();
        let gutter = number.len() + 1;
        let text = source.line(line);
        let (shown, before) = window(text, column - 1);
        let _ = write!(out, "\n {number} | {}", printable(&shown));
        let pad: String = before.chars().map(blank).collect();
        // A span that goes on to the next lines is underlined to the end of this one.
        let here: usize = bytes_to_chars(text, column - 1, length);
        let under: usize = text.chars().skip(column - 1).take(here).map(width).sum();
        let room: usize = shown.chars().map(width).sum::<usize>().saturating_sub(before.chars().map(width).sum());
        let carets = "^".repeat(under.clamp(1, room.max(1)));
        let expected = self.expected.as_deref().map(|e| format!(" expected {e}")).unwrap_or_default();
        let _ = write!(out, "\n {} | {pad}{}", " ".repeat(number.len()), paint.accent(&format!("{carets}{expected}")));
        self.notes(out, paint, gutter + 1, None);
    }

    fn notes(&self, out: &mut String, paint: &Paint, indent: usize, expected: Option<&str>) {
        let indent = " ".repeat(indent);
        if let Some(expected) = expected {
            let _ = write!(out, "\n{indent}= expected {expected}");
        }
        if let Some(suggestion) = &self.suggestion {
            let _ = write!(out, "\n{indent}= did you mean {}?", paint.good(&format!("`{}`", printable(suggestion))));
        }
        if let Some(help) = &self.help {
            let _ = write!(out, "\n{indent}= {help}");
        }
    }
}

/// Everything that is wrong, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// More than this many are counted, not shown.
    const SHOWN: usize = 30;
    /// More than this many are not even looked for: each costs time in a file that is nonsense as a whole.
    const KEPT: usize = 1000;

    /// Adds one, unless the same was said before.
    pub fn push(&mut self, problem: Problem) {
        if !self.are_full() && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// True if further problems are dropped.
    pub(super) fn are_full(&self) -> bool {
        self.0.len() >= Self::KEPT
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        for problem in other.0 {
            self.push(problem);
        }
    }

    /// True if something keeps the study from running.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    /// The problems, in the order of their place in the files.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut files: Vec<&std::path::Path> = Vec::new();
        let mut keyed: Vec<((usize, usize), &Problem)> = Vec::new();
        for problem in &self.0 {
            let key = match &problem.place {
                Place::File { source, span } => {
                    let file = files.iter().position(|f| *f == source.path).unwrap_or(files.len());
                    if file == files.len() {
                        files.push(&source.path);
                    }
                    (file, span.start)
                }
                Place::Path(_) => (usize::MAX - 1, 0),
                Place::Text(_) => (usize::MAX, 0),
            };
            keyed.push((key, problem));
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, problem)| problem).collect()
    }

    /// The text shown to the user: errors, a blank line between them, without a final line end.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let problems = self.sorted();
        let mut blocks: Vec<String> = problems.iter().take(Self::SHOWN).map(|p| p.render(color)).collect();
        if problems.len() > Self::SHOWN {
            let least = if self.are_full() { "at least " } else { "" };
            blocks.push(format!("… and {least}{} more", problems.len() - Self::SHOWN));
        }
        blocks.join("\n\n")
    }

    /// Takes the warnings out.
    pub(super) fn take_warnings(&mut self) -> Vec<Problem> {
        let warnings = self.sorted().into_iter().filter(|p| p.severity == Severity::Warning).cloned().collect();
        self.0.retain(|p| p.severity == Severity::Error);
        warnings
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// The candidate most like `word`, if one is like it at all.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let score = |candidate: &str| {
        let edits = strsim::normalized_damerau_levenshtein(&lower, candidate);
        edits.max(0.9 * strsim::jaro_winkler(&lower, candidate))
    };
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = score(candidate);
        if score > 0.7 && best.is_none_or(|(s, _)| score > s) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

struct Paint {
    color: bool,
    severity: Severity,
}

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn accent(&self, text: &str) -> String {
        self.wrap(if self.severity == Severity::Error { "1;31" } else { "1;33" }, text)
    }

    fn good(&self, text: &str) -> String {
        self.wrap("32", text)
    }
}

/// The part of a long line around character `at`, and what of it stands before `at`.
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

/// How many characters of `line`, from character `from`, the next `bytes` bytes cover.
fn bytes_to_chars(line: &str, from: usize, bytes: usize) -> usize {
    let mut left = bytes;
    let covered = line.chars().skip(from).take_while(|c| {
        let inside = left > 0;
        left = left.saturating_sub(c.len_utf8());
        inside
    });
    covered.count()
}

/// Terminal columns of a character: 2 for East Asian wide characters and emoji, else 1.
fn width(c: char) -> usize {
    let wide = matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD);
    if wide { 2 } else { 1 }
}

/// As much empty space as the character takes.
fn blank(c: char) -> String {
    if c == '\t' { "\t".to_owned() } else { " ".repeat(width(c)) }
}

/// The text with control characters made visible, so that a file cannot steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c }).collect()
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

    #[test]
    fn similar_words_are_found() {
        let keys = ["rank", "learning_rate", "lr_scheduler"];
        assert_eq!(did_you_mean("rnak", keys).as_deref(), Some("rank"));
        assert_eq!(did_you_mean("learn_rate", keys).as_deref(), Some("learning_rate"));
        assert_eq!(did_you_mean("colour", keys), None);
    }
}
