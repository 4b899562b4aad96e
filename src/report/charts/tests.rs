//! The charts are drawn whatever the numbers are.

use crate::report::data::{CsvTable, StudyData};
use crate::report::fixture;
use crate::report::style::picture;

use super::{loss, probe, summary};

#[test]
fn charts_are_drawn_and_repeat() {
    let data = fixture::study();
    for draw in [loss, probe, summary] {
        let first = draw(&data).expect("draws").expect("has data");
        assert_eq!(Some(&first), draw(&data).expect("draws").as_ref());
        let image = picture::decode("chart", &first).expect("decodes");
        assert!(image.width() <= 1700 && image.pixels().any(|p| p.0 != [255; 3]));
    }
}

#[test]
fn without_data_there_is_no_chart() {
    let data = StudyData::default();
    assert!(loss(&data).expect("no error").is_none());
    assert!(probe(&data).expect("no error").is_none());
    assert!(summary(&data).expect("no error").is_none());
}

/// Pixels that are neither white nor grey, where charts are.
fn coloured(bytes: &[u8]) -> usize {
    let image = picture::decode("chart", bytes).expect("decodes");
    let (w, h) = image.dimensions();
    let inside =
        image.enumerate_pixels().filter(|(x, y, _)| (w / 8..w * 7 / 8).contains(x) && (h / 5..h * 4 / 5).contains(y));
    inside.filter(|(_, _, p)| p.0.iter().max().unwrap_or(&0) - p.0.iter().min().unwrap_or(&0) > 60).count()
}

#[test]
fn odd_curves_are_seen() {
    let loss_of = |values: &[&str]| {
        let mut text = "step,instance_loss\n".to_owned();
        values.iter().enumerate().for_each(|(i, v)| text.push_str(&format!("{},{v}\n", i + 1)));
        CsvTable::parse(text.as_bytes())
    };
    for values in
        [&["0.5"][..], &["0.5", "0.5"], &["0"], &["NaN", "0.3", "inf"], &["1e300", "1e-300"], &["1e-9", "2e-9"]]
    {
        let mut data = fixture::study();
        data.cells.iter_mut().for_each(|c| c.loss = loss_of(values));
        let bytes = loss(&data).expect("draws").expect("has data");
        assert!(coloured(&bytes) > 10, "{values:?}");
    }
    let mut data = fixture::study();
    data.cells.iter_mut().for_each(|c| c.loss = loss_of(&["NaN"]));
    assert!(loss(&data).expect("no error").is_none());
}

#[test]
fn without_held_out_photos_the_training_photos_are_drawn() {
    let mut data = fixture::study();
    for cell in &mut data.cells {
        cell.probe.rows.retain(|r| r[1] != "held_out");
        if let Some(m) = &mut cell.metrics {
            m.retain(|name, _| !name.ends_with("probe_held_out"));
        }
    }
    assert!(coloured(&probe(&data).expect("draws").expect("has data")) > 10);
    assert!(coloured(&summary(&data).expect("draws").expect("has data")) > 10);
    let cell = data.cells[0].clone();
    data.cells = vec![cell; 40];
    assert!(coloured(&probe(&data).expect("draws").expect("has data")) > 10);
}

#[test]
fn one_point_or_many_cells_are_drawn() {
    let mut data = fixture::study();
    data.cells[0].loss.rows.truncate(1);
    data.cells.truncate(1);
    assert!(loss(&data).expect("draws").is_some());
    let cell = fixture::study().cells[0].clone();
    data.cells = vec![cell; 40];
    assert!(loss(&data).expect("draws").is_some());
    assert!(probe(&data).expect("draws").is_some());
}
