//! A CSV table of the store.

use serde::{Deserialize, Serialize};

/// A CSV table, kept as its text so that nothing is lost or rounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CsvTable {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows; each has as many fields as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl CsvTable {
    /// Reads CSV text; a row with another number of fields (a torn last line) is left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let columns: Vec<String> = reader.headers().map(|h| h.iter().map(str::to_owned).collect()).unwrap_or_default();
        let rows = reader
            .records()
            .filter_map(Result::ok)
            .map(|r| r.iter().map(str::to_owned).collect::<Vec<_>>())
            .filter(|r| r.len() == columns.len())
            .collect();
        Self { columns, rows }
    }

    /// The fields of `row` in the column of that name; `None` when there is no such column.
    #[must_use]
    pub fn field<'t>(&self, row: &'t [String], column: &str) -> Option<&'t str> {
        let i = self.columns.iter().position(|c| c == column)?;
        row.get(i).map(String::as_str)
    }

    /// `(x, y)` of every row where both columns hold finite numbers and `keep` says so.
    #[must_use]
    pub fn points(&self, x: &str, y: &str, keep: impl Fn(&[String]) -> bool) -> Vec<(f64, f64)> {
        let number = |row: &[String], c: &str| self.field(row, c)?.parse::<f64>().ok().filter(|v| v.is_finite());
        self.rows.iter().filter(|r| keep(r)).filter_map(|r| Some((number(r, x)?, number(r, y)?))).collect()
    }

    /// Leaves out the rows of later steps.
    pub fn keep_steps(&mut self, last: usize) {
        let Some(column) = self.columns.iter().position(|column| column == "step") else { return };
        self.rows.retain(|row| row[column].parse::<usize>().is_ok_and(|step| step <= last));
    }

    /// The probe curve of one split: `(step, loss)`.
    #[must_use]
    pub fn probe(&self, split: &str) -> Vec<(f64, f64)> {
        self.points("step", "loss", |row| self.field(row, "split") == Some(split))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_last_line_is_left_out() {
        let t = CsvTable::parse(b"step,split,loss\n0,train,0.5\n0,held_out,0.6\n50,tra");
        assert_eq!(t.rows.len(), 2);
        assert_eq!(t.probe("held_out"), [(0.0, 0.6)]);
    }

    #[test]
    fn rows_without_a_number_are_not_points() {
        let t = CsvTable::parse(b"step,loss\n1,NaN\n2,\n3,0.25\n");
        assert_eq!(t.points("step", "loss", |_| true), [(3.0, 0.25)]);
        assert_eq!(t.points("step", "nothing", |_| true), []);
    }
}
