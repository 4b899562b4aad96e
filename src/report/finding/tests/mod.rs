//! What is said must be true of the numbers it is said of.

mod answers;
mod gaps;
mod trainings;

use super::files;
use super::*;
use crate::choice::Purpose;
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::Split;
use crate::report::data::{Axis, CellData, EncoderData, Likeness, Probes, Problem, Setting, StudyData};
use crate::report::files::folder::Folder;
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
                None => data.axes.push(Axis { key: s.key.clone(), values: vec![s.value.clone()] }),
            }
        }
        cell.label = assignments.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        // As in a plan: the key of a training does not change with how images are drawn.
        let of_training = cell.assignments.iter().filter(|s| !s.key.starts_with("generate."));
        cell.train_job = of_training.map(|s| format!("{}={}", s.key, s.value)).collect::<Vec<_>>().join(" ");
        cell.image_job.clone_from(&cell.label);
        put(&mut cell, "baseline_probe_held_out", *base);
        put(&mut cell, "probe_held_out", *after);
        data.cells.push(cell);
    }
    data
}

fn put(cell: &mut CellData, name: &str, value: f64) {
    cell.metrics.get_or_insert_default().insert(name.into(), value);
}

/// Sizes with the losses of as many training seeds.
fn seeds(sizes: &[&str], losses: &[&[f64]], base: f64) -> StudyData {
    const SEEDS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];
    let all: Vec<_> = sizes
        .iter()
        .zip(losses)
        .flat_map(|(n, v)| v.iter().zip(SEEDS).map(move |(v, s)| ([("dataset.size", *n), ("train.seed", s)], *v)))
        .collect();
    let cells: Vec<Row<'_>> = all.iter().map(|(a, v)| (&a[..], base, *v)).collect();
    study(&cells)
}

/// The study with three training seeds of report-review.md.
fn review() -> StudyData {
    let losses: [&[f64]; 3] = [&[0.2986, 0.3032, 0.3044], &[0.2752, 0.2773, 0.2793], &[0.2717, 0.2700, 0.2761]];
    let mut data = seeds(&["5", "15", "25"], &losses, 0.2995);
    for (i, cell) in data.cells.iter_mut().enumerate() {
        put(cell, "probe_train", 0.32 * [0.745, 0.854, 0.868][i / 3]);
    }
    data
}

fn said(data: &StudyData) -> String {
    let judged = judged(data);
    let f = finding(&judged);
    let next = next_step(&judged).map(|next| format!("\n{} {}", next.why, next.command.unwrap_or_default()));
    format!("{}\n{}{}", f.headline, f.notes.join("\n"), next.unwrap_or_default())
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

fn has_not(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "`{part}` is in:\n{text}");
    }
}

#[test]
fn the_study_of_the_review_is_answered() {
    let data = review();
    insta::assert_snapshot!(said(&data));
    let f = finding(&judged(&data));
    has(
        &f.headline,
        &[
            "15 photos bought eight tenths of what 25 photos bought, and 5 photos bought next to nothing.",
            "5 photos are worse than both others; 15 photos and 25 photos cannot be told apart.",
        ],
    );
    has(
        &said(&data),
        &[
            "mean of 3 trainings",
            "5 photos were learnt by heart",
            "Repeating a training moves the denoising loss by ±0.0017; the difference between 25 photos and 15 photos \
             is 0.0047.",
            "runner shinchan.toml --set 'sweep.train.seed=[0,1,2,3,4,5]'",
        ],
    );
    has_not(&said(&data), &["overlap", "15 photos were learnt", "25 photos were learnt", "best"]);
}

#[test]
fn conditions_that_bought_the_same_share_a_sentence() {
    let data = seeds(&["3", "6", "12"], &[&[0.2991, 0.2995], &[0.2993, 0.2996], &[0.2700, 0.2710]], 0.2995);
    has(&finding(&judged(&data)).headline, &["3 photos and 6 photos each bought next to nothing."]);
}

#[test]
fn one_training_of_each_claims_nothing() {
    let f = finding(&judged(&fixture::study()));
    insta::assert_snapshot!(f.headline);
    insta::assert_snapshot!(f.notes.join("\n"));
    has(&f.headline, &["In one training of each"]);
    has(&f.notes.join("\n"), &["nothing is called better"]);
    has(&said(&fixture::study()), &["--set 'sweep.train.seed=[0,1,2]'"]);
}

#[test]
fn a_clear_winner_is_named() {
    let data = seeds(&["2", "4"], &[&[0.300, 0.301, 0.302], &[0.200, 0.2015, 0.2025]], 0.31);
    has(&finding(&judged(&data)).headline, &["4 photos are better than 2 photos."]);
    let data = seeds(&["2", "4"], &[&[0.30, 0.20, 0.25], &[0.25, 0.19, 0.26]], 0.31);
    has_not(&finding(&judged(&data)).headline, &["better than 2", "better than 4", "worse than"]);
}

#[test]
fn enough_is_said_with_its_bound() {
    let losses: [&[f64]; 3] = [&[0.3001, 0.2991, 0.2996], &[0.2003, 0.1994, 0.1999], &[0.2001, 0.1995, 0.1998]];
    let data = seeds(&["5", "15", "25"], &losses, 0.31);
    has(&finding(&judged(&data)).headline, &["15 photos are enough: at most ", "of the way behind 25 photos."]);
    let losses: [&[f64]; 3] = [&[0.3001, 0.2991, 0.2996], &[0.2503, 0.2494, 0.2499], &[0.2001, 0.1995, 0.1998]];
    let more = finding(&judged(&seeds(&["5", "15", "25"], &losses, 0.31))).headline;
    has(&more, &["25 photos are still clearly better than 15 photos, so more may help."]);
}

/// 3 sizes × 2 ranks × 3 learning rates × 2 seeds, as the study `many` of report-review.md: the rate 0.01 hurts, the
/// rank does nothing, the seed moves more than the rank.
fn many() -> StudyData {
    let mut cells = Vec::new();
    for (i, n) in ["5", "15", "25"].into_iter().enumerate() {
        for (j, rank) in ["4", "16"].into_iter().enumerate() {
            for (k, rate) in ["0.001", "0.004", "0.01"].into_iter().enumerate() {
                for (r, seed) in ["0", "1"].into_iter().enumerate() {
                    let wobble = [0.0004, -0.0003, 0.0001, -0.0005, 0.0002][(7 * i + 5 * j + 3 * k + 11 * r) % 5];
                    let loss = 0.2980 - 0.001 * i as f64 + [0.0, 0.0, 0.004][k] + 0.0043 * r as f64 + wobble;
                    let of = [
                        ("dataset.size", n),
                        ("train.rank", rank),
                        ("train.learning_rate", rate),
                        ("train.seed", seed),
                    ];
                    cells.push((of, loss));
                }
            }
        }
    }
    let mut data = study(&cells.iter().map(|(of, loss)| (&of[..], 0.3054, *loss)).collect::<Vec<_>>());
    data.cells.iter_mut().for_each(|cell| put(cell, "probe_train", 0.3));
    data
}

#[test]
fn many_cells_are_told_by_their_axes() {
    let data = many();
    let text = said(&data);
    insta::assert_snapshot!(text);
    has(&text, &["(mean of 2 trainings)", "learning rate 0.01", "Rank 4 and rank 16 cannot be told apart."]);
    has_not(&text, &["one training of each", "learnt by heart"]);
}

#[test]
fn an_axis_that_turns_another_is_named() {
    let mut cells = Vec::new();
    for (i, rank) in ["4", "16"].into_iter().enumerate() {
        for (k, rate) in ["0.001", "0.01"].into_iter().enumerate() {
            for (r, seed) in ["0", "1", "2"].into_iter().enumerate() {
                let loss =
                    if i == k { 0.20 } else { 0.25 } + [0.0, 0.001, 0.0025][r] + 0.0007 * ((i + 2 * k + r) % 3) as f64;
                cells.push(([("train.rank", rank), ("train.learning_rate", rate), ("train.seed", seed)], loss));
            }
        }
    }
    let text = said(&study(&cells.iter().map(|(of, loss)| (&of[..], 0.31, *loss)).collect::<Vec<_>>()));
    has(&text, &["it is the other way round."]);
}

#[test]
fn worse_is_said() {
    let text = said(&study(&[(&[("train.learning_rate", "1")], 0.31, 0.42)]));
    has(&text, &["the loss ended above the base model's in this one training."]);
    has(&text, &["The training is not clearly better than no training."]);
    let losses: [&[f64]; 2] = [&[0.400, 0.403, 0.4015], &[0.250, 0.2515, 0.2505]];
    has(&said(&seeds(&["5", "15"], &losses, 0.31)), &["With 5 photos the model is worse than without any training."]);
}

/// The review's study with an encoder: likeness of sizes 5, 15 and 25 between a floor of 0.3 and a ceiling of 0.8.
fn likeness(of: [f64; 3]) -> StudyData {
    let mut data = review();
    data.encoders.push(EncoderData { name: "dino".into(), purposes: vec![Purpose::Identity] });
    for (i, cell) in data.cells.iter_mut().enumerate() {
        cell.likeness = Some(Likeness { encoder: "dino".into(), held_out: 5, blind: Some(false) });
        let numbers = [
            ("identity", of[i / 3] + [0.002, 0.0, -0.001, 0.001][(7 * i + 2 * (i / 3)) % 4]),
            ("identity_floor", 0.3),
            ("identity_ceiling", 0.8),
            ("identity_range_low", 0.4),
            ("identity_name_floor", 0.32),
        ];
        numbers.into_iter().for_each(|(name, value)| put(cell, name, value));
    }
    data
}

#[test]
fn likeness_is_the_question_where_an_encoder_is() {
    let data = likeness([0.45, 0.72, 0.73]);
    let text = said(&data);
    insta::assert_snapshot!(text);
    has(
        &text,
        &["Likeness of the images to 2 photos that no cell trains on (higher is better)", "15 photos are enough"],
    );
    has_not(&text, &["is not measured", "loss lies"]);
    let mut other = data.clone();
    other.question = Some(crate::choice::Question::HeldOutLoss);
    has(&said(&other), &["Denoising loss on 2 photos", "the question here is the loss"]);
    let mut known = data.clone();
    known.cells.iter_mut().for_each(|cell| put(cell, "identity_name_floor", 0.75));
    has(&said(&known), &["knows the subject by its name already", "90\u{a0}% of the way"]);
    let mut blind = data;
    blind.cells.iter_mut().for_each(|cell| put(cell, "identity_range_low", -0.01));
    has(&said(&blind), &["likeness gives no verdict", "Denoising loss on 2 photos"]);
}

#[test]
fn side_effects_are_called_and_only_they() {
    let text = said(&likeness([0.45, 0.72, 0.73]));
    has_not(&text, &["overwritten", "copy", "follow", "alike", "collapsed"]);
    let with = |name: &str, value: [f64; 3]| {
        let mut data = likeness([0.45, 0.72, 0.73]);
        for (i, cell) in data.cells.iter_mut().enumerate() {
            put(cell, "held_out_copying_gap", 0.0);
            put(cell, name, value[i / 3] + [0.01, -0.01, 0.0][i % 3]);
        }
        said(&data)
    };
    has(
        &with("leak", [0.8, 0.1, 0.1]),
        &["With 5 photos: the class was overwritten", "gained 80\u{a0}% of the likeness"],
    );
    has(&with("copying_gap", [0.3, 0.01, 0.0]), &["With 5 photos: images copy their photos"]);
    has(&with("prompt_following_change", [-0.1, 0.0, 0.0]), &["With 5 photos: images follow their prompts less"]);
    has(&with("feature_variety", [0.2, 0.9, 0.95]), &["With 5 photos: images of one prompt are much alike: 20\u{a0}%"]);
    has(&with("collapsed", [1.0, 0.0, 0.0]), &["With 5 photos: 100\u{a0}% of the images have collapsed"]);
}

/// The losses of five photos of a kind, each its own share above or below 0.3.
fn losses(split: Split, changes: [f64; 5]) -> impl Iterator<Item = ProbeValueRow> {
    changes.into_iter().enumerate().map(move |(photo, change)| ProbeValueRow {
        words: Words::Identifier,
        split,
        photo: format!("p{photo}"),
        timestep: 500.0,
        loss: 0.3 * (1.0 + change),
    })
}

#[test]
fn in_one_training_a_side_effect_must_be_more_than_the_chance_of_its_images_and_photos() {
    let one = |train: [f64; 5], held_out: [f64; 5], leak_low: f64| {
        let mut data = likeness([0.45, 0.72, 0.73]);
        data.cells.retain(|cell| cell.assignments.contains(&setting("train.seed", "0")));
        for cell in &mut data.cells {
            let before = losses(Split::Train, [0.0; 5]).chain(losses(Split::HeldOut, [0.0; 5])).collect();
            let after = losses(Split::Train, train).chain(losses(Split::HeldOut, held_out)).collect();
            cell.probes = Probes { base_job: "base".into(), job: "job".into(), base: before, after };
            let mean = |changes: [f64; 5]| 0.3 * (1.0 + changes.iter().sum::<f64>() / 5.0);
            put(cell, "baseline_probe_train", 0.3);
            put(cell, "baseline_probe_held_out", 0.3);
            put(cell, "probe_train", mean(train));
            put(cell, "probe_held_out", mean(held_out));
            put(cell, "leak", 0.9);
            put(cell, "leak_low", leak_low);
        }
        said(&data)
    };
    let (sure, chance) = ([0.11, 0.10, 0.09, 0.10, 0.12], [0.30, -0.25, 0.20, -0.22, 0.04]);
    let fell = sure.map(|change| -change);
    has(&one(fell, sure, 0.6), &["the class was overwritten", "the loss on unseen photos ended", "by heart"]);
    has_not(&one(chance, chance, 0.1), &["overwritten", "ended", "by heart"]);
    has_not(&one(chance.map(|change| change - 0.05), chance, 0.1), &["by heart"]);
}

#[test]
fn images_that_vary_as_much_as_real_photos_have_lost_no_variety() {
    let with = |photos: f64| {
        let mut data = likeness([0.45, 0.72, 0.73]);
        for cell in &mut data.cells {
            put(cell, "feature_variety", 0.2);
            put(cell, "feature_variety_photos", photos);
        }
        said(&data)
    };
    has(&with(0.5), &["images of one prompt are much alike"]);
    has_not(&with(0.15), &["alike"]);
}

/// The verdict of a report, computed again from its CSV files by a script that knows `docs/verdict.md` only.
#[test]
fn a_report_can_be_recomputed() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/recompute.py");
    let works = std::process::Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !works {
        #[allow(clippy::print_stderr)]
        let () = eprintln!("There is no python3 here, so {script} is not run.");
        return;
    }
    let mut diverged = review();
    put(&mut diverged.cells[4], "probe_held_out", 0.9);
    for (name, data) in
        [("review", review()), ("many", many()), ("likeness", likeness([0.4, 0.7, 0.71])), ("diverged", diverged)]
    {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut folder = Folder::open(dir.path()).expect("opens");
        files::write(&judged(&data), &mut folder).expect("writes");
        folder.finish().expect("finishes");
        let run = std::process::Command::new("python3").arg(script).arg(dir.path()).output().expect("python3 runs");
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name}: {text}");
    }
}
