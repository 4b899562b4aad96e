//! Event files for TensorBoard: the curves of each training as scalars.
//!
//! A file is a list of records: length, CRC of the length, data, CRC of the data (`tsl/lib/io/record_writer.cc` of
//! TensorFlow). The data of a record is a message `Event` of `tensorflow/core/util/event.proto`; the few fields that
//! are needed are written by hand. An event has a time: the file would differ from run to run if it were the real one,
//! so the time of step n is n seconds.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::data::{CellData, StudyData};

/// The name of each file. TensorBoard looks for `tfevents`; usually the time and the machine stand behind it.
const NAME: &str = "events.out.tfevents.0000000000.runner";

/// The files, by their place in the report. Cells that share a training share its file.
pub(crate) fn files(data: &StudyData) -> Vec<(String, Vec<u8>)> {
    let mut seen = BTreeSet::new();
    let mut own = |cell: &&CellData| {
        cell.train_job.is_empty() || seen.insert((cell.train_job.clone(), cell.checkpoint, cell.loss.rows.len()))
    };
    let cells = data.cells.iter().filter(|cell| !cell.loss.rows.is_empty() || !cell.probe.rows.is_empty());
    cells.filter(|cell| own(cell)).map(|cell| (format!("tensorboard/{}/{NAME}", cell.slug), file(cell))).collect()
}

/// Scalars by step, and by their name.
type Steps = BTreeMap<u64, BTreeMap<String, f64>>;

fn file(cell: &CellData) -> Vec<u8> {
    let mut out = record(&event(0, &field_bytes(3, b"brain.Event:2")));
    for (step, scalars) in &steps(cell) {
        let values = scalars.iter().map(|(name, value)| {
            let simple_value = [&[2 << 3 | 5][..], &(*value as f32).to_le_bytes()].concat();
            field_bytes(1, &[field_bytes(1, name.as_bytes()), simple_value].concat())
        });
        let summary: Vec<u8> = values.flatten().collect();
        out.extend(record(&event(*step, &field_bytes(5, &summary))));
    }
    out
}

/// `training/<column>` for each number of a step, and `probe/<photos>` for each probe loss.
fn steps(cell: &CellData) -> Steps {
    let mut steps = Steps::new();
    let mut put = |step: f64, name: String, value: f64| {
        if step >= 0.0 {
            steps.entry(step as u64).or_default().insert(name, value);
        }
    };
    for column in cell.loss.columns.iter().filter(|column| *column != "step") {
        for (step, value) in cell.loss.points("step", column, |_| true) {
            put(step, format!("training/{column}"), value);
        }
    }
    let splits = cell.probe.rows.iter().filter_map(|row| cell.probe.field(row, "split"));
    for split in splits.collect::<BTreeSet<_>>() {
        for (step, value) in cell.probe.probe(split) {
            put(step, format!("probe/{split}"), value);
        }
    }
    steps
}

/// An event with its time and step, and what it says.
fn event(step: u64, what: &[u8]) -> Vec<u8> {
    let mut out = vec![1 << 3 | 1];
    out.extend((step as f64).to_le_bytes());
    out.push(2 << 3);
    varint(step, &mut out);
    out.extend(what);
    out
}

/// A field with a length: a text or a message.
fn field_bytes(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    varint(bytes.len() as u64, &mut out);
    out.extend(bytes);
    out
}

/// Seven bits in each byte, the lowest first.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// A CRC32C, turned around so that one over data that holds CRCs keeps its strength.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::CsvTable;
    use crate::report::fixture;

    #[test]
    fn a_record_is_framed_and_checked() {
        let data = event(300, &field_bytes(3, b"x"));
        assert_eq!(data, [&[9][..], &300f64.to_le_bytes(), &[16, 0xac, 2, 26, 1, b'x']].concat());
        let framed = record(b"123456789");
        assert_eq!(framed.len(), 8 + 4 + 9 + 4);
        assert_eq!(framed[..8], 9u64.to_le_bytes());
        // The CRC32C of `123456789` is e3069283 (RFC 3720, and every catalogue of CRCs).
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(framed[21..], masked.to_le_bytes());
    }

    #[test]
    fn every_training_has_one_file() {
        let mut data = fixture::study();
        let names = |data: &StudyData| files(data).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let expected = [2, 4].map(|n| format!("tensorboard/dataset.size={n}/{NAME}"));
        assert_eq!(names(&data), expected, "the failed one has nothing");
        data.cells[0].train_job = "same".into();
        data.cells[1] = CellData { slug: "other".into(), ..data.cells[0].clone() };
        assert_eq!(names(&data), expected[..1]);
    }

    #[test]
    fn the_scalars_are_those_of_the_tables() {
        let cell = CellData {
            loss: CsvTable::parse(b"step,epoch,loss,prior_loss\n1,1,0.5,\n2,1,NaN,0.25\n"),
            probe: CsvTable::parse(b"step,split,loss\n0,train,0.75\n2,train,0.5\n2,held_out,0.625\n"),
            ..CellData::default()
        };
        let found = steps(&cell);
        let of = |step: u64| found[&step].iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(of(0), ["probe/train 0.75"]);
        assert_eq!(of(1), ["training/epoch 1", "training/loss 0.5"]);
        assert_eq!(of(2), ["probe/held_out 0.625", "probe/train 0.5", "training/epoch 1", "training/prior_loss 0.25"]);
    }
}
