//! What the probe values say, against numpy (`tests/golden/probe_values/make.py`).

use std::path::{Path, PathBuf};

use runner::measures::Of;
use runner::measures::probe_values::{Band, Paired, ProbeChanges, ProbeValue, of_band, paired};
use runner::measures::table::{self, probe_loss};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    train: Pair,
    held_out: Pair,
    class: Pair,
    name: Pair,
    memorisation_gap: f64,
}

#[derive(Deserialize)]
struct Pair {
    before: f64,
    after: f64,
    difference: f64,
    bands: [(f64, f64); 3],
}

#[derive(Deserialize)]
struct Row {
    step: u64,
    words: String,
    split: String,
    photo: String,
    timestep: f32,
    loss: f64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/probe_values")
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn numbers_are_those_of_numpy() {
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(folder().join("golden.json")).unwrap()).unwrap();
    let mut reader = csv::Reader::from_path(folder().join("probe_values.csv")).unwrap();
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().unwrap();
    let of = |step, words: &str, split: &str| -> Vec<ProbeValue<'_>> {
        let rows = rows.iter().filter(|row| row.step == step && row.words == words && row.split == split);
        rows.map(|row| ProbeValue { photo: &row.photo, timestep: row.timestep, loss: row.loss }).collect()
    };
    let check = |name: &str, expected: &Pair, before: &[ProbeValue<'_>], after: &[ProbeValue<'_>]| -> Paired {
        let found = paired(before, after).unwrap();
        assert!(close(found.before, expected.before) && close(found.after, expected.after), "{name}: {found:?}");
        assert!(close(found.difference.mean, expected.difference), "{name}: {found:?}");
        assert!(found.difference.below(found.difference.mean - 0.1) == Some(false), "{name}: an interval");
        for (band, (before_band, after_band)) in Band::ALL.into_iter().zip(expected.bands) {
            let found = paired(&of_band(before, band), &of_band(after, band)).unwrap();
            assert!(close(found.before, before_band) && close(found.after, after_band), "{name} {band:?}: {found:?}");
        }
        found
    };
    let moments = |words, split| [of(0, words, split), of(400, words, split)];
    let [before, after] = moments("identifier", "train");
    let train = check("train", &golden.train, &before, &after);
    let [before, after] = moments("identifier", "held_out");
    let held_out = check("held_out", &golden.held_out, &before, &after);
    let [before, after] = moments("class", "held_out");
    check("class", &golden.class, &before, &after);
    check("name", &golden.name, &before, &of(0, "name", "held_out"));

    let changes = ProbeChanges { train: Some(&train), held_out: Some(&held_out) };
    let values = probe_loss::of_values(&changes);
    assert_eq!((values["probe_train"], values["baseline_probe_held_out"]), (train.after, held_out.before));
    let gap = table::all().find(|measure| measure.name == "memorisation_gap").unwrap();
    let Of::Probes(compute) = gap.of else { panic!("{gap:?}") };
    assert!(close(compute(&changes).unwrap(), golden.memorisation_gap));
    assert_eq!(compute(&ProbeChanges { train: Some(&train), held_out: None }), None);
}
