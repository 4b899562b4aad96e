//! The tables as CSV files: what a spreadsheet or a notebook reads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::digits::short;
use crate::measures::record::Values;
use crate::measures::table;
use crate::records::rows::Row;
use crate::report::data::{CellData, CsvTable, Probes, StudyData};
use crate::text::hides;

/// One table from every cell's table of the rows `R`, with the cell's label in front. While no cell has a table, the
/// columns are those that one would have.
pub(crate) fn stacked<R: Row>(data: &StudyData, table: impl Fn(&CellData) -> &CsvTable) -> Vec<u8> {
    let mut columns: Vec<&str> = Vec::new();
    for cell in &data.cells {
        for column in &table(cell).columns {
            if !columns.contains(&column.as_str()) {
                columns.push(column);
            }
        }
    }
    if columns.is_empty() {
        columns = R::HEADER.trim_end().split(',').collect();
    }
    let mut out = Writer::new(std::iter::once("cell").chain(columns.iter().copied()));
    for cell in &data.cells {
        let t = table(cell);
        for row in &t.rows {
            let fields: Vec<Cow<'_, str>> =
                columns.iter().map(|c| short(t.field(row, c).unwrap_or_default())).collect();
            out.row(std::iter::once(cell.label.as_str()).chain(fields.iter().map(AsRef::as_ref)));
        }
    }
    out.bytes()
}

/// One row per cell: what it was and what came out.
pub(crate) fn cells(data: &StudyData) -> Vec<u8> {
    let axes = data.axes.iter().map(|a| a.key.as_str());
    let measures = || table::of_cells().map(|measure| measure.name);
    let more = of_more_encoders(data.cells.iter().filter_map(|cell| cell.metrics.as_ref()));
    let columns = ["cell"].into_iter().chain(axes).chain(CELL_COLUMNS).chain(measures()).chain(more.iter().copied());
    let mut out = Writer::new(columns);
    for cell in &data.cells {
        let problem = cell.problems.first();
        let mut row = vec![cell.label.clone()];
        for axis in &data.axes {
            let own = cell.assignments.iter().find(|s| s.key == axis.key);
            row.push(own.map(|s| s.value.clone()).unwrap_or_default());
        }
        row.push(cell.state().to_owned());
        row.push(problem.map(|p| format!("{}: {}", p.stage, p.reason)).unwrap_or_default());
        row.push(cell.train_photos.len().to_string());
        row.push(cell.held_out_photos.len().to_string());
        row.push(cell.steps.to_string());
        row.push(if cell.trained { cell.steps.to_string() } else { String::new() });
        row.push(if cell.trained { cell.epochs.to_string() } else { String::new() });
        row.push(cell.train_seed.to_string());
        row.push(cell.prompt_images().to_string());
        let numbers = measures().chain(more.iter().copied()).map(|name| cell.value(name));
        row.extend(numbers.map(|v| v.map(|v| v.to_string()).unwrap_or_default()));
        out.row(row.iter().map(String::as_str));
    }
    out.bytes()
}

/// The denoising loss of each photo at each timestep, one row for each value. The values of the base model, which
/// cells share, stand in each cell: their step is 0.
pub(crate) fn probe_values(data: &StudyData) -> Vec<u8> {
    let mut out = Writer::new(["cell", "step", "words", "split", "photo", "timestep", "loss"]);
    for cell in &data.cells {
        let Probes { base, after, .. } = &cell.probes;
        for (step, row) in base.iter().map(|row| (0, row)).chain(after.iter().map(|row| (cell.steps, row))) {
            let [step, timestep, loss] = [step.to_string(), row.timestep.to_string(), row.loss.to_string()];
            out.row([&cell.label, &step, row.words.name(), row.split.name(), &row.photo, &timestep, &loss]);
        }
    }
    out.bytes()
}

/// One row per image with an adapter: what it was asked for and its numbers.
pub(crate) fn images(data: &StudyData) -> Vec<u8> {
    let measures = || table::all().filter(|measure| !measure.is_of_cell()).map(|measure| measure.name);
    let pictures = || data.cells.iter().flat_map(|cell| cell.images.iter().map(move |picture| (cell, picture)));
    let more = of_more_encoders(pictures().map(|(_, picture)| &picture.values));
    let columns = ["cell", "group", "prompt_index", "seed", "file", "prompt"].into_iter();
    let mut out = Writer::new(columns.chain(measures()).chain(more.iter().copied()));
    for (cell, picture) in pictures() {
        let (index, seed) = (picture.prompt_index.to_string(), picture.seed.to_string());
        let what = [&cell.label, picture.group.word(), &index, &seed, &picture.file, &picture.prompt];
        let number = |name: &str| picture.values.get(name).map(ToString::to_string).unwrap_or_default();
        let numbers: Vec<String> = measures().chain(more.iter().copied()).map(number).collect();
        out.row(what.into_iter().chain(numbers.iter().map(String::as_str)));
    }
    out.bytes()
}

/// The names of the numbers of encoders that are not the first for their purpose: `identity@clip`.
fn of_more_encoders<'a>(values: impl Iterator<Item = &'a Values>) -> BTreeSet<&'a str> {
    values.flat_map(|values| values.keys().map(String::as_str)).filter(|name| name.contains('@')).collect()
}

/// What stands between the swept settings and the measures.
const CELL_COLUMNS: [&str; 9] =
    ["state", "problem", "photos", "held_out_photos", "steps_asked", "steps", "epochs", "train_seed", "images"];

/// Wall-clock values, one row per stored artifact.
pub(crate) fn costs(data: &StudyData) -> Vec<u8> {
    let mut out = Writer::new([
        "stage",
        "key",
        "cells",
        "created",
        "seconds",
        "steps_per_second",
        "peak_memory_bytes",
        "device",
        "threads",
        "runner_version",
    ]);
    for c in &data.costs {
        let speed = c.steps_per_second.map(|v| v.to_string()).unwrap_or_default();
        let memory = c.peak_memory_bytes.map(|v| v.to_string()).unwrap_or_default();
        out.row([
            c.stage.name(),
            &c.key,
            &c.cells.join("; "),
            &c.created,
            &c.seconds.to_string(),
            &speed,
            &memory,
            &c.device,
            &c.threads.to_string(),
            &c.runner_version,
        ]);
    }
    out.bytes()
}

/// A CSV file in memory, where writing cannot fail.
pub(crate) struct Writer(csv::Writer<Vec<u8>>);

impl Writer {
    /// With these column names.
    pub(crate) fn new<'f>(columns: impl IntoIterator<Item = &'f str>) -> Self {
        let mut out = Self(csv::WriterBuilder::new().from_writer(Vec::new()));
        out.row(columns);
        out
    }

    /// Adds a row.
    pub(crate) fn row<'f>(&mut self, fields: impl IntoIterator<Item = &'f str>) {
        let fields = fields.into_iter().map(guarded);
        self.0
            .write_record(fields.map(|f| f.into_owned().into_bytes()))
            .expect("rows have as many fields as the head, and memory takes them");
    }

    /// The file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every byte")
    }
}

/// A text that a spreadsheet would take for a formula, with `'` in front (OWASP, "CSV injection"). A text that looks
/// guarded already gets one more, so that a program that removes one `'` before a formula has every text as it was.
fn guarded(text: &str) -> Cow<'_, str> {
    let is_number = text.parse::<f64>().is_ok();
    // Spreadsheets ignore spaces and quotes in front, and read wide signs as the usual ones.
    let skipped =
        |c: char| c != '\t' && c != '\r' && c != '\n' && (c.is_whitespace() || "'\"‘’“”`".contains(c) || hides(c));
    let begins = text.trim_start_matches(skipped).starts_with(FORMULA);
    if begins && !is_number { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Characters that begin a formula, or end a cell in some programs.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::rows::{LossRow, ProbeRow};
    use crate::report::fixture;

    /// What `guarded` did is taken back.
    fn plain(text: &str) -> &str {
        match text.strip_prefix('\'') {
            Some(rest) if guarded(rest) != rest => rest,
            _ => text,
        }
    }

    #[test]
    fn formulas_are_texts_and_numbers_stay_numbers() {
        for number in ["-0.5", "+1", "-1e-9", "0", "1", "-inf", "NaN", "1.5E+3"] {
            assert_eq!(guarded(number), number);
        }
        for text in ["a", "", "a=b", "dataset.size=5", "it's", "'", "'a'", "5 photos", "日本"] {
            assert_eq!(guarded(text), text);
            assert_eq!(plain(text), text);
        }
        for formula in [
            "=1+1",
            "+A1",
            "-A1",
            "-0.5; 1",
            "--1",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "＋a",
            "－a",
            "＠a",
            " =1",
            "\"=1",
            "'=1",
            "''=1",
            "\u{feff}=1",
            "\u{a0}@a",
            "=cmd|' /C calc'!A0",
            "\0=1",
        ] {
            let safe = guarded(formula);
            assert!(safe.starts_with('\'') && safe != formula, "{formula:?}");
            assert_eq!(plain(&safe), formula);
        }
    }

    #[test]
    fn every_table_is_guarded_and_read_back() {
        let evil = "=HYPERLINK(\"http://x\";1),\n2";
        let mut data = fixture::study();
        data.cells[0].label = evil.into();
        data.cells[2].problems[0].reason = evil.into();
        data.cells[0].assignments[0].value = "-0.5".into();
        data.cells[1].assignments[0].value = evil.into();
        (data.costs[0].device, data.costs[0].cells) = (evil.into(), vec![evil.into()]);
        for csv in [cells(&data), costs(&data), images(&data), stacked::<LossRow>(&data, |c| &c.loss)] {
            let read = CsvTable::parse(&csv);
            let fields = read.rows.iter().flatten();
            assert!(fields.clone().all(|f| f.parse::<f64>().is_ok() || !f.starts_with(FORMULA)));
            assert!(fields.clone().any(|f| plain(f) == evil));
        }
        let table = CsvTable::parse(&cells(&data));
        assert_eq!(table.field(&table.rows[0], "dataset.size"), Some("-0.5"));
        assert_eq!(table.field(&table.rows[1], "dataset.size").map(plain), Some(evil));
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn stacked_tables_name_their_cell() {
        let csv = text(stacked::<ProbeRow>(&fixture::study(), |c| &c.probe));
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("cell,step,split,loss"));
        assert_eq!(lines.next(), Some("dataset.size=2,0,train,0.320000"));
        assert_eq!(csv.lines().count(), 1 + 2 * 18);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let mut data = fixture::study();
        for cell in &mut data.cells {
            (cell.loss, cell.probe) = (CsvTable::default(), CsvTable::default());
        }
        assert_eq!(text(stacked::<ProbeRow>(&data, |c| &c.probe)), "cell,step,split,loss\n");
        let loss = text(stacked::<LossRow>(&data, |c| &c.loss));
        assert_eq!(loss, format!("cell,{}", LossRow::HEADER));
    }

    #[test]
    fn one_row_a_cell_with_its_problem() {
        let csv = text(cells(&fixture::study()));
        insta::assert_snapshot!(csv);
    }

    #[test]
    fn quotes_and_line_breaks_are_escaped() {
        let mut data = fixture::study();
        data.cells[2].problems[0].reason = "a \"quoted\",\nbroken reason".into();
        let csv = text(cells(&data));
        let read = CsvTable::parse(csv.as_bytes());
        assert_eq!(read.rows.len(), 3);
        assert_eq!(read.field(&read.rows[2], "problem"), Some("train: a \"quoted\",\nbroken reason"));
    }

    #[test]
    fn costs_have_one_row_an_artifact() {
        assert_eq!(text(costs(&fixture::study())).lines().count(), 2);
    }
}
