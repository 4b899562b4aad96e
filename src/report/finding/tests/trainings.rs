//! What counts as a training, and what seeds may not do.

use super::*;

#[test]
fn sizes_may_reverse() {
    let losses: [&[f64]; 2] = [&[0.2000, 0.2009, 0.2005], &[0.2500, 0.2511, 0.2503]];
    let text = said(&seeds(&["5", "25"], &losses, 0.31));
    has(&text, &["5 photos are better than 25 photos.", "5 photos are enough: more photos bring no more."]);
}

#[test]
fn a_missing_repeat_shifts_nothing() {
    let data = seeds(&["2", "4"], &[&[0.30], &[0.20, 0.21]], 0.31);
    has(&said(&data), &["There is one training of each condition"]);
    // The second photo seed is harder. Size 4 has only the hard one twice; least squares take the shift out.
    let cell = |n: &'static str, s: &'static str| [("dataset.size", n), ("dataset.seed", s)];
    let cells = [cell("2", "0"), cell("2", "1"), cell("4", "0"), cell("4", "1"), cell("6", "1")];
    let rows: Vec<Row<'_>> = cells
        .iter()
        .zip([0.3, 0.401, 0.25, 0.3502, 0.30])
        .map(|(c, y)| (&c[..], if c[1].1 == "0" { 0.31 } else { 0.41 }, y))
        .collect();
    let text = said(&study(&rows));
    has(&text, &["new choices of photos"]);
    has_not(&text, &["not compared with each other"]);
}

#[test]
fn seeds_never_win() {
    for key in ["train.seed", "dataset.seed"] {
        let data = study(&[(&[(key, "0")], 0.31, 0.30), (&[(key, "1")], 0.31, 0.20), (&[(key, "2")], 0.31, 0.25)]);
        let text = said(&data);
        has(&text, &["0.2500 (mean of 3 trainings, 95\u{a0}% interval"]);
        has_not(&text, &["worse than", "better than 0", "told apart", "best"]);
    }
}

#[test]
fn cells_of_one_training_count_once() {
    let cell = |g: &'static str, s: &'static str| [("generate.guidance_scale", g), ("generate.seeds", s)];
    let cells = [cell("1", "0"), cell("1", "1"), cell("3", "0"), cell("3", "1")];
    let all: Vec<Row<'_>> = cells.iter().map(|c| (&c[..], 0.31, 0.28)).collect();
    let text = said(&study(&all));
    has(&text, &["is 0.2800; without training it is 0.3100.", "This is one training", "4 cells share 1 training"]);
    has_not(&text, &["of 4", "guidance"]);
}

#[test]
fn settings_that_do_not_matter_share_a_name() {
    let mut data = study(&[(&[("train.rank", "4")], 0.31, 0.28), (&[("train.rank", "8")], 0.31, 0.28)]);
    data.cells[1].train_job = data.cells[0].train_job.clone();
    has(&said(&data), &["rank 4 or rank 8", "2 cells share 1 training"]);
}
