//! The charts are drawn whatever the numbers are.

use crate::report::data::{Axis, CellData, CsvTable, Setting, StudyData};
use crate::report::fixture;
use crate::report::style::picture;

use crate::report::finding::judged;
use crate::report::style::chart::{Figure, Panel};
use crate::report::style::xml::well_formed;

use super::{
    curves, loss, probe, profile, score, score_by_images, score_by_minutes, summary, summary_figure, training,
};

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

/// The study with two trainings of each size.
fn with_seeds() -> StudyData {
    let mut data = fixture::study();
    data.axes.push(Axis { key: "train.seed".into(), values: vec!["0".into(), "1".into()] });
    let twice = |cell: &CellData| {
        ["0", "1"].map(|seed| {
            let mut cell = cell.clone();
            cell.assignments.push(Setting { key: "train.seed".into(), value: seed.into() });
            for name in [&mut cell.slug, &mut cell.train_job, &mut cell.image_job] {
                name.push_str(seed);
            }
            cell
        })
    };
    data.cells = data.cells.iter().flat_map(twice).collect();
    data
}

fn names(panel: &Panel, part: &str) -> usize {
    panel.curves.iter().filter(|c| c.name.contains(part) && !c.points.is_empty()).count()
}

#[test]
fn seeds_are_thin_lines_of_one_chart() {
    let data = with_seeds();
    let figure = curves(&data);
    // The third size failed.
    let titles: Vec<&str> = figure.panels.iter().map(|p| p.title.as_str()).collect();
    assert_eq!(titles, ["2 photos", "4 photos"]);
    let panel = &figure.panels[0];
    assert_eq!((names(panel, "held-out photos, training seed"), names(panel, "before the training")), (2, 2));
    assert_eq!(panel.second, Some(0.5));
    assert_eq!(panel.marks.len(), 1);
    assert_eq!(panel.marks[0].text, "lowest: step 400");
    assert_eq!(super::without_curves(&data), 2);
    let page = figure.svg().into_string() + &training(&data).svg().into_string();
    assert_eq!(well_formed(&page), Ok(()));
    assert!(page.contains(">passes</text>") && page.len() < 40_000, "{}", page.len());
}

#[test]
fn cells_that_share_a_training_are_one_line() {
    let mut data = fixture::study();
    data.cells.truncate(1);
    let mut early = data.cells[0].clone();
    early.assignments.push(Setting { key: "generate.checkpoint".into(), value: "100".into() });
    early.probe.keep_steps(100);
    (early.steps, early.epochs) = (100, 50.0);
    data.cells.insert(0, early);
    let figure = curves(&data);
    assert_eq!(figure.panels.len(), 1);
    let last = figure.panels[0].curves.iter().filter_map(|c| c.points.last()).map(|p| p.0).fold(0.0, f64::max);
    assert_eq!((last, names(&figure.panels[0], "held-out photos")), (400.0, 2));
}

#[test]
fn a_training_that_diverged_does_not_press_the_others_flat() {
    let mut data = fixture::study();
    for row in data.cells[1].probe.rows.iter_mut().filter(|row| row[0] != "0") {
        row[2] = "900".into();
    }
    let figure = curves(&data);
    assert!(figure.y.is_some_and(|y| y.high < 1.0), "{:?}", figure.y);
    assert!(figure.svg().into_string().contains("are beyond the edge of the chart"));
}

#[test]
fn many_conditions_are_one_chart_with_their_names() {
    let mut data = fixture::study();
    let cell = data.cells[0].clone();
    let numbered = |i: usize| {
        let mut cell = cell.clone();
        cell.train_job = i.to_string();
        cell.assignments.push(Setting { key: "train.rank".into(), value: format!("<{i}>") });
        cell
    };
    data.cells = (0..40).map(numbered).collect();
    let figure = curves(&data);
    assert_eq!((figure.panels.len(), figure.legend.len()), (1, 40));
    let page = figure.svg().into_string() + &training(&data).svg().into_string();
    assert_eq!(well_formed(&page), Ok(()));
    assert!(page.contains("rank &lt;7&gt;") && page.len() < 60_000, "{}", page.len());
}

#[test]
fn after_the_training_every_training_is_a_dot() {
    let mut data = with_seeds();
    data.cells.truncate(4);
    for (i, cell) in data.cells.iter_mut().enumerate() {
        let values = cell.metrics.as_mut().expect("is measured");
        values.insert("probe_held_out".into(), 0.28 + 0.001 * i as f64);
    }
    let figure = summary_figure(&data).expect("has numbers");
    assert_eq!(figure.panels.len(), 1, "seeds are no panels");
    let points = |name: &str| {
        let curves = figure.panels[0].curves.iter().filter(|c| c.name == name);
        curves.map(|c| c.points.len()).collect::<Vec<_>>()
    };
    assert_eq!((points("one training on held-out photos"), points("mean on held-out photos")), (vec![4], vec![2]));
    assert!(figure.legend.iter().any(|entry| entry.name == "the same training photos in all"));
    // The largest size is measured on photos of its own.
    data.cells[3].metrics.as_mut().expect("is measured").insert("baseline_probe_train".into(), 0.4);
    let figure = summary_figure(&data).expect("has numbers");
    assert!(figure.legend.iter().any(|entry| entry.name == "training photos, others in each"));
    let mean = figure.panels[0].curves.iter().find(|c| c.name == "mean on training photos").expect("is drawn");
    assert_eq!(mean.look.width, 0.0, "no line over different photos");
}

#[test]
fn what_is_not_known_is_not_drawn() {
    for data in [StudyData::default(), fixture::study()] {
        let judged = judged(&data);
        assert!(profile(&judged).is_none(), "no probe values");
        assert!(super::likeness_and_prompt(&judged).is_none(), "no encoder");
    }
    let data = StudyData::default();
    assert!(score(&judged(&data)).is_none() && score_by_images(&judged(&data)).is_none());
    let empty = |figure: Figure| figure.svg().into_string().is_empty();
    assert!(empty(curves(&data)) && empty(training(&data)));
}

#[test]
fn more_training_is_drawn_where_it_differs() {
    let mut data = with_seeds();
    // All sizes see as many images.
    assert!(score_by_images(&judged(&data)).is_none() && score_by_minutes(&judged(&data)).is_none());
    data.cells.iter_mut().for_each(|c| c.epochs = 100.0);
    let judged = judged(&data);
    let figure = score_by_images(&judged).expect("differs");
    assert_eq!(figure.panels[0].curves[0].points.first().map(|p| p.0), Some(200.0));
    assert_eq!(names(&figure.panels[0], "2 photos, training seed"), 2);
    let dots = score(&judged).expect("has scores").svg().into_string();
    assert_eq!((well_formed(&dots), dots.matches("<circle").count()), (Ok(()), 4));
}
