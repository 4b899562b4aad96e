//! What is missing, odd or measured in another way is said, and claims nothing.

use super::*;

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
    has(&text, &["2 photos 0.1700", "on photos the model trains on"]);
    has_not(&text, &["Nothing is measured", "by heart"]);
    assert_eq!(real_photos(&data), "training photos among themselves");
    assert!(!curve_words(&data).contains("no cell trains on"));
}

#[test]
fn other_floors_are_not_compared() {
    let base = |m: &'static str, s: &'static str| [("model.base", m), ("train.seed", s)];
    let cells = [base("a", "0"), base("a", "1"), base("b", "0"), base("b", "1")];
    let data = study(&[(&cells[0], 0.31, 0.3), (&cells[1], 0.31, 0.3), (&cells[2], 0.5, 0.2), (&cells[3], 0.5, 0.2)]);
    let text = said(&data);
    has(&text, &["without training it is 0.3100 to 0.5000", "not compared with each other"]);
    has_not(&text, &["worse than", "better than", "--set"]);
}

#[test]
fn diverged_trainings_are_counted_and_no_scores() {
    let a = [("train.rank", "4")];
    let b = [("train.rank", "8")];
    let text = said(&study(&[(&a, 0.31, f64::NAN), (&b, 0.31, 0.28)]));
    has(
        &text,
        &[
            "The training with rank 4 diverged.",
            "With rank 8, the denoising loss on 2 photos that no cell trains on is 0.2800",
        ],
    );
    // Noise images, loss +257 %: no calm mean.
    let losses: [&[f64]; 2] = [&[0.281, 1.107, 0.284], &[0.271, 0.272, 0.273]];
    let text = said(&seeds(&["5", "15"], &losses, 0.31));
    has(&text, &["1 of 3 trainings with 5 photos diverged. The means leave it out.", "(mean of 2 trainings"]);
    let mut data = review();
    data.cells[0].trained = false;
    data.cells[0].metrics = None;
    data.cells[0].probe = crate::report::data::CsvTable::default();
    let reason = "step 17: the loss is not finite; look at the rate".to_owned();
    data.cells[0].problems = vec![Problem { stage: crate::stage::Stage::Train, failed: true, reason }];
    has(&said(&data), &["1 of 3 trainings with 5 photos diverged.", "1 of 9 cells failed"]);
}

#[test]
fn failed_trainings_are_missing_not_bad() {
    let mut data = review();
    data.cells[8].trained = false;
    data.cells[8].metrics = None;
    data.cells[8].probe = crate::report::data::CsvTable::default();
    let reason = "no space left".to_owned();
    data.cells[8].problems = vec![Problem { stage: crate::stage::Stage::Train, failed: true, reason }];
    let text = said(&data);
    has(&text, &["(mean of 2 trainings", "1 of 9 cells failed; the reasons are below."]);
    has_not(&text, &["diverged"]);
}

#[test]
fn nothing_measured_is_said() {
    let mut data = fixture::study();
    for cell in &mut data.cells {
        (cell.metrics, cell.trained) = (None, false);
        cell.problems.iter_mut().for_each(|p| p.reason = "no space left".into());
    }
    assert_eq!(finding(&judged(&data)).headline, "Nothing is measured yet: 1 of 3 cells failed.");
    data.cells.truncate(2);
    let not_run = |cell: &mut CellData| {
        let reason = "not run yet".to_owned();
        cell.problems = vec![Problem { stage: crate::stage::Stage::Train, failed: false, reason }];
    };
    data.cells.iter_mut().for_each(not_run);
    assert_eq!(finding(&judged(&data)).headline, "Nothing is measured yet: all 2 cells are not finished.");
    data.cells[0].problems[0].failed = true;
    assert_eq!(finding(&judged(&data)).headline, "Nothing is measured yet: 1 of 2 cells failed and 1 is not finished.");
    data.cells.truncate(1);
    assert_eq!(finding(&judged(&data)).headline, "Nothing is measured yet: the only cell failed.");
    assert_eq!(finding(&judged(&StudyData::default())).headline, "Nothing is measured yet.");
}

#[test]
fn a_training_speaks_before_its_images_are_made() {
    let mut data = fixture::study();
    data.cells.truncate(1);
    data.cells[0].metrics = None;
    has(&said(&data), &["without training it is 0.3100."]);
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
    has(&said(&data), &["on 2 photos that no cell trains on"]);
    data.cells[1].held_out_photos = vec![0, 1];
    has(&said(&data), &["on 2 photos that the cell itself does not train on"]);
    assert_eq!(held_out_title(&data, 2), "2 held-out photos, not trained on in their own cells");
}
