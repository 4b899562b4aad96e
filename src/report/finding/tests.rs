//! What is said must be true of the numbers it is said of.

use super::*;
use crate::report::data::{CellData, Setting};
use crate::report::fixture;

fn setting(key: &str, value: &str) -> Setting {
    Setting { key: key.into(), value: value.into() }
}

/// The settings of a cell, the base model's loss and the loss after training.
type Row<'a> = (&'a [(&'a str, &'a str)], f64, f64);

/// One cell for each row.
fn study(cells: &[Row<'_>]) -> StudyData {
    let mut data = fixture::study();
    let template = data.cells[0].clone();
    data.cells.clear();
    data.axes.clear();
    for (assignments, base, after) in cells {
        let mut cell = template.clone();
        cell.assignments = assignments.iter().map(|(k, v)| setting(k, v)).collect();
        for s in &cell.assignments {
            match data.axes.iter_mut().find(|a| a.key == s.key) {
                Some(axis) if axis.values.contains(&s.value) => {}
                Some(axis) => axis.values.push(s.value.clone()),
                None => data.axes.push(crate::report::data::Axis { key: s.key.clone(), values: vec![s.value.clone()] }),
            }
        }
        // As in a plan: the key of a training does not change with how images are drawn.
        let of_training = cell.assignments.iter().filter(|s| !s.key.starts_with("generate."));
        cell.train_job = of_training.map(|s| format!("{}={}", s.key, s.value)).collect::<Vec<_>>().join(" ");
        if let Some(m) = &mut cell.metrics {
            m.insert("baseline_probe_held_out".into(), *base);
            m.insert("probe_held_out".into(), *after);
        }
        data.cells.push(cell);
    }
    data
}

/// Sizes 2 and 4 with the losses of as many training seeds.
fn seeds(losses: [&[f64]; 2]) -> StudyData {
    const SEEDS: [&str; 3] = ["0", "1", "2"];
    let all: Vec<_> = ["2", "4"]
        .into_iter()
        .zip(losses)
        .flat_map(|(n, v)| v.iter().zip(SEEDS).map(move |(v, s)| ([("dataset.size", n), ("train.seed", s)], *v)))
        .collect();
    let cells: Vec<Row<'_>> = all.iter().map(|(a, v)| (&a[..], 0.31, *v)).collect();
    study(&cells)
}

fn said(data: &StudyData) -> String {
    let f = finding(data);
    format!("{}\n{}", f.headline, f.notes.join("\n"))
}

#[test]
fn single_seed_claims_no_winner() {
    let f = finding(&fixture::study());
    insta::assert_snapshot!(f.headline);
    insta::assert_snapshot!(f.notes.join("\n"));
}

#[test]
fn a_winner_needs_ranges_that_do_not_overlap() {
    let clear = said(&seeds([&[0.30, 0.31], &[0.20, 0.21]]));
    assert!(clear.contains("Every loss with 4 photos lies below every other."), "{clear}");
    assert!(clear.contains("2 trainings of each condition") && clear.contains("not a statistical test"), "{clear}");
    assert!(!clear.contains("overlap"), "{clear}");
    let overlap = said(&seeds([&[0.30, 0.20], &[0.25, 0.19]]));
    assert!(overlap.contains("overlaps with 2 photos; none is called best"), "{overlap}");
    assert!(!overlap.contains("Every loss"), "{overlap}");
}

#[test]
fn only_the_ranges_that_overlap_are_said_to() {
    let mut data = seeds([&[0.2752, 0.2773, 0.2793], &[0.2717, 0.27, 0.2761]]);
    let mut high = seeds([&[0.2986, 0.3032, 0.3044], &[]]);
    for cell in &mut high.cells {
        cell.assignments[0].value = "1".into();
        cell.train_job = cell.train_job.replace("size=2", "size=1");
    }
    data.cells.extend(high.cells);
    data.axes[0].values.push("1".into());
    let text = said(&data);
    let order = "The range with 4 photos, which has the lowest mean, overlaps with 2 photos and lies wholly below \
                 1 photo; none";
    assert!(text.contains(order), "{text}");
}

#[test]
fn one_repeat_of_some_conditions_is_not_enough() {
    let text = said(&seeds([&[0.30], &[0.20, 0.21]]));
    assert!(text.contains("Some conditions have one training only, so none is called best."), "{text}");
}

#[test]
fn seeds_never_win() {
    for key in ["train.seed", "dataset.seed"] {
        let data = study(&[(&[(key, "0")], 0.31, 0.30), (&[(key, "1")], 0.31, 0.20), (&[(key, "2")], 0.31, 0.25)]);
        let text = said(&data);
        assert!(text.contains("These are 3 trainings of one condition"), "{key}: {text}");
        assert!(
            text.contains("is 0.2500 (−19.4\u{a0}%, mean of 3 trainings), from 0.2000 to 0.3000."),
            "{key}: {text}"
        );
        assert!(!text.contains("overlap") && !text.contains("best"), "{key}: {text}");
    }
    // Photo seeds choose other held-out photos, so the base model begins elsewhere; the sizes of one seed are
    // comparable.
    let cell = |n: &'static str, s: &'static str| [("dataset.size", n), ("dataset.seed", s)];
    let cells = [cell("2", "0"), cell("2", "1"), cell("4", "0"), cell("4", "1")];
    let data =
        study(&[(&cells[0], 0.31, 0.3), (&cells[1], 0.41, 0.4), (&cells[2], 0.31, 0.2), (&cells[3], 0.41, 0.21)]);
    assert!(said(&data).contains("Every loss with 4 photos lies below every other."), "{}", said(&data));
    // A repeat that one condition does not have would shift its losses.
    let unbalanced = study(&[(&cells[0], 0.31, 0.3), (&cells[3], 0.41, 0.21), (&cells[2], 0.31, 0.2)]);
    assert!(said(&unbalanced).contains("not compared with each other"), "{}", said(&unbalanced));
}

#[test]
fn cells_of_one_training_count_once() {
    let cell = |g: &'static str, s: &'static str| [("generate.guidance_scale", g), ("generate.seeds", s)];
    let cells = [cell("1", "0"), cell("1", "1"), cell("3", "0"), cell("3", "1")];
    let all: Vec<Row<'_>> = cells.iter().map(|c| (&c[..], 0.31, 0.28)).collect();
    let text = said(&study(&all));
    assert!(text.contains("after training it is 0.2800 (−9.7\u{a0}%)."), "{text}");
    assert!(text.contains("This is one training") && text.contains("4 cells share 1 training"), "{text}");
    assert!(!text.contains("combinations") && !text.contains("of 4"), "{text}");
}

#[test]
fn settings_that_do_not_matter_share_a_name() {
    let mut data = study(&[(&[("train.rank", "4")], 0.31, 0.28), (&[("train.rank", "8")], 0.31, 0.28)]);
    data.cells[1].train_job = data.cells[0].train_job.clone();
    let text = said(&data);
    assert!(text.contains("is 0.2800 with rank 4 or rank 8 (") && text.contains("2 cells share 1 training"), "{text}");
}

#[test]
fn many_combinations_are_said_by_their_range() {
    let f = finding(&fixture::two_axes());
    assert!(f.headline.contains("lies between 0.2600 with 4 photos, rank"), "{}", f.headline);
    assert!(f.headline.ends_with("it fell in 4 of 4 trainings."), "{}", f.headline);
}

#[test]
fn means_are_called_means() {
    let f = finding(&seeds([&[0.30, 0.32], &[0.20, 0.22]]));
    assert!(f.headline.contains("0.3100 with 2 photos (±0.0\u{a0}%, mean of 2 trainings)"), "{}", f.headline);
}

#[test]
fn without_held_out_photos_the_training_photos_speak() {
    let mut data = fixture::study();
    for cell in &mut data.cells {
        cell.held_out_photos.clear();
        if let Some(m) = &mut cell.metrics {
            m.retain(|name, _| !name.contains("held_out"));
        }
    }
    let text = said(&data);
    assert!(text.starts_with("No photo is held out, so nothing is known of photos the model never saw."), "{text}");
    assert!(text.contains("0.1700 with 2 photos (−46.9\u{a0}%)") && !text.contains("Nothing is measured"), "{text}");
    assert!(!text.contains("by heart"), "{text}");
    assert_eq!(real_photos(&data), "training photos among themselves");
    assert!(!curve_words(&data).contains("no cell trains on"));
}

#[test]
fn other_floors_are_not_compared() {
    let base = |m: &'static str, s: &'static str| [("model.base", m), ("train.seed", s)];
    let cells = [base("a", "0"), base("a", "1"), base("b", "0"), base("b", "1")];
    let data = study(&[(&cells[0], 0.31, 0.3), (&cells[1], 0.31, 0.3), (&cells[2], 0.5, 0.2), (&cells[3], 0.5, 0.2)]);
    let text = said(&data);
    assert!(text.contains("loss is 0.3100 to 0.5000") && text.contains("not compared with each other"), "{text}");
    assert!(!text.contains("Every loss"), "{text}");
}

#[test]
fn numbers_that_are_none_are_not_spoken_of() {
    let a = [("train.rank", "4")];
    let b = [("train.rank", "8")];
    let text = said(&study(&[(&a, 0.31, f64::NAN), (&b, 0.31, 0.28)]));
    assert!(text.contains("One training is left out above"), "{text}");
    assert!(!text.contains("not a number ("), "{text}");
    let text = said(&study(&[(&a, 0.0, 0.28)]));
    assert!(
        text.contains("the base model's denoising loss is 0.0000; after training it is 0.2800 with rank 4."),
        "{text}"
    );
    let text = said(&study(&[(&a, f64::NAN, 0.28), (&b, 0.31, 0.2)]));
    assert!(text.contains("0.2800 with rank 4 and 0.2000 with rank 8 (") && text.contains("not compared"), "{text}");
}

#[test]
fn worse_is_said() {
    let text = said(&study(&[(&[("train.learning_rate", "1")], 0.31, 1.2)]));
    assert!(text.contains("on these photos the training made the model worse."), "{text}");
    let text = said(&seeds([&[0.30, 0.32], &[0.20, 0.33]]));
    assert!(text.contains("In 2 of 4 trainings the loss ended above the base model's"), "{text}");
}

#[test]
fn nothing_measured_is_said() {
    let mut data = fixture::study();
    for cell in &mut data.cells {
        (cell.metrics, cell.trained) = (None, false);
    }
    assert_eq!(finding(&data).headline, "Nothing is measured yet: 1 of 3 cells failed.");
    data.cells.truncate(2);
    let not_run = |cell: &mut CellData| {
        let reason = "not run yet".to_owned();
        cell.problems = vec![crate::report::data::Problem { stage: crate::stage::Stage::Train, failed: false, reason }];
    };
    data.cells.iter_mut().for_each(not_run);
    assert_eq!(finding(&data).headline, "Nothing is measured yet: all 2 cells are not finished.");
    data.cells[0].problems[0].failed = true;
    assert_eq!(finding(&data).headline, "Nothing is measured yet: 1 of 2 cells failed and 1 is not finished.");
    data.cells.truncate(1);
    assert_eq!(finding(&data).headline, "Nothing is measured yet: the only cell failed.");
    assert_eq!(finding(&StudyData::default()).headline, "Nothing is measured yet.");
}

#[test]
fn a_training_speaks_before_its_images_are_made() {
    let mut data = fixture::study();
    data.cells.truncate(1);
    data.cells[0].metrics = None;
    let text = said(&data);
    assert!(text.contains("the base model's denoising loss is 0.3100; after training it is 0.28"), "{text}");
}

#[test]
fn what_else_differs_than_the_adapter_is_said() {
    let none = from_noise(&fixture::study()).0;
    assert_eq!(none, "Each row starts from the same noise; only the adapter differs.");
    let a = [("generate.guidance_scale", "1")];
    let b = [("generate.guidance_scale", "3")];
    let (row, column) = from_noise(&study(&[(&a, 0.3, 0.2), (&b, 0.3, 0.2)]));
    assert!(row.contains("the guidance scale differs from column to column") && column.ends_with("same seed"), "{row}");
}

#[test]
fn photos_held_out_in_one_cell_and_trained_on_in_another_are_not_called_unseen() {
    let mut data = fixture::study();
    assert!(finding(&data).headline.starts_with("On 2 photos that no cell trains on"));
    data.cells[1].held_out_photos = vec![0, 1];
    assert!(finding(&data).headline.starts_with("On 2 photos that the cell itself does not train on"));
    assert_eq!(held_out_title(&data, 2), "2 held-out photos, not trained on in their own cells");
}
