//! Numbers and texts as people read them.

/// Seconds, e.g. `0.8 s`, `42 s`, `2 min 5 s`, `1 h 12 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A size, e.g. `512 B`, `3.2 MB`, `11.9 GB` (decimal units, as disks and the Hub count).
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// `1 cell`, `2 cells`.
pub(super) fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
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
    fn numbers_read_well() {
        let texts = [0.04, 9.94, 9.96, 59.4, 60.0, 125.0, 3599.6, 4320.0, f64::NAN, -1.0].map(duration);
        assert_eq!(
            texts,
            ["0.0 s", "9.9 s", "10 s", "59 s", "1 min", "2 min 5 s", "1 h 0 min", "1 h 12 min", "0.0 s", "0.0 s"]
        );
        assert_eq!(
            [0, 999, 1000, 3_188_736, 999_960_000, u64::MAX].map(bytes),
            ["0 B", "999 B", "1.0 kB", "3.2 MB", "1.0 GB", "18.4 EB"]
        );
        assert_eq!((count(1, "cell"), count(0, "cell")), ("1 cell".into(), "0 cells".into()));
    }

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(plain_text("a\x1b[2Jb\nc\u{9b}31m é漫"), "a\\u{1b}[2Jb\nc\\u{9b}31m é漫");
    }
}
