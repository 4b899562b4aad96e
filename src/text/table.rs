//! Columns of text, as wide as a terminal shows them.

use unicode_width::UnicodeWidthStr as _;

/// The columns of a terminal that a text takes: two for each Chinese, Japanese or Korean character and each emoji,
/// none for a combining accent (Unicode Standard Annex 11).
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Rows as left-aligned columns two spaces apart, without spaces at line ends.
#[must_use]
pub fn table<S: AsRef<str>>(rows: &[Vec<S>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column| rows.iter().filter_map(move |row: &Vec<S>| row.get(column));
    let widest = |column| cells(column).map(|cell: &S| width(cell.as_ref())).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            let cell = cell.as_ref();
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_every_script() {
        let rows = [vec!["a", "é漫", "x"], vec!["bbb", "", "y"], vec!["c", "e\u{301}🎈", "z"]];
        assert_eq!(table(&rows), "a    é漫  x\nbbb       y\nc    e\u{301}🎈  z\n");
    }
}
