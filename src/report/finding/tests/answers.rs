//! The answers at the top of the page: what each says of studies whose numbers are known.

use super::*;
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::Split;
use crate::report::data::Probes;
use crate::stage::Stage;

/// All that the answers say, a line each.
fn answered(data: &StudyData) -> String {
    let judged = judged(data);
    let answers = answers(&judged);
    let mut lines = vec![finding(&judged).lead];
    for answer in answers.all() {
        let number = answer.number.as_ref().map(|n| format!(" [{}]", n.text())).unwrap_or_default();
        lines.push(format!("{} {}{number}", answer.question, answer.sentence));
        lines.extend(answer.more.iter().map(|line| format!("- {line}")));
    }
    if let Some(next) = next_step(&judged) {
        lines.push(format!("Next: {} {}", next.why, next.command.unwrap_or_default()));
    }
    lines.join("\n")
}

/// The review's study with adapters and the words of a subject.
fn subject(mut data: StudyData) -> StudyData {
    for cell in &mut data.cells {
        cell.words = ["aawxbc", "figurine", "shin-chan"].map(str::to_owned);
    }
    data
}

/// Probe values on five held-out photos: the loss under each word before the training.
fn probes(name: f64, identifier: f64) -> Probes {
    let rows = |words: Words, loss: f64| {
        let photo = move |photo: usize| (photo, loss + 0.001 * photo as f64);
        (0..5).map(photo).map(move |(photo, loss)| ProbeValueRow {
            words,
            split: Split::HeldOut,
            photo: format!("p{photo}"),
            timestep: 500.0,
            loss,
        })
    };
    let base = rows(Words::Class, 0.3).chain(rows(Words::Name, name)).chain(rows(Words::Identifier, identifier));
    Probes { base_job: "base".into(), job: "job".into(), base: base.collect(), after: Vec::new() }
}

#[test]
fn a_study_with_likeness_is_answered_in_full() {
    let text = answered(&subject(likeness([0.45, 0.72, 0.73])));
    insta::assert_snapshot!(text);
    has(&text, &["15 photos are enough", "No. Asked for “shin-chan”", "Take 15 photos", "Yes, for this subject"]);
}

#[test]
fn other_studies_are_answered_in_full() {
    insta::assert_snapshot!("answers_of_one_training_of_each", answered(&fixture::study()));
    insta::assert_snapshot!("answers_of_many_cells", answered(&many()));
    insta::assert_snapshot!("answers_of_the_review", answered(&review()));
}

#[test]
fn an_empty_study_has_answers() {
    let text = answered(&StudyData::default());
    has(&text, &["Nothing is measured yet.", "Not measured yet.", "None yet", "Not yet: nothing is measured."]);
    has_not(&text, &["Next:"]);
    let mut waiting = fixture::study();
    waiting.cells.truncate(2);
    for cell in &mut waiting.cells {
        (cell.metrics, cell.trained) = (None, false);
        cell.adapters.clear();
        cell.images.clear();
        cell.probe = crate::report::data::CsvTable::default();
        let reason = "not run yet".to_owned();
        cell.problems = vec![Problem { stage: Stage::Train, failed: false, reason }];
    }
    has(
        &answered(&waiting),
        &["None yet", "Next: 2 cells are not finished. Go on where it stopped: runner shinchan.toml"],
    );
}

#[test]
fn the_base_model_is_asked_by_images_and_by_loss() {
    let known = |share: f64| {
        let mut data = subject(likeness([0.45, 0.72, 0.73]));
        data.cells.iter_mut().for_each(|cell| put(cell, "identity_name_floor", 0.3 + 0.5 * share));
        answered(&data)
    };
    has(
        &known(0.9),
        &["Yes. Asked for “shin-chan”, the base model's images come 90\u{a0}% of the way to real photos."],
    );
    has(&known(1.3), &["Yes. Asked for “shin-chan”, the base model's images come all the way to real photos."]);
    has(&known(0.5), &["Partly."]);
    has(&known(0.0), &["No. Asked for “shin-chan”, the base model draws nothing"]);
    let by_loss = |name: f64| {
        let mut data = subject(review());
        data.cells.iter_mut().for_each(|cell| cell.probes = probes(name, 0.3));
        answered(&data)
    };
    has(&by_loss(0.25), &["Something: real photos fit “shin-chan” better than “figurine”"]);
    has(&by_loss(0.35), &["“shin-chan” means something else"]);
    has(&by_loss(0.3), &["No sign of it"]);
}

#[test]
fn an_identifier_that_is_a_known_word_is_told() {
    let with = |identifier: f64| {
        let mut data = subject(review());
        data.cells.iter_mut().for_each(|cell| cell.probes = probes(0.3, identifier));
        format!("{}\n{}", said(&data), answered(&data))
    };
    let told = with(0.27);
    assert_eq!(told.matches("The identifier “aawxbc” is not a meaningless word").count(), 2, "{told}");
    has(&told, &["it changes the loss by 9.9\u{a0}% before any training"]);
    // Less than a hundredth of the loss is nothing, however clear.
    has_not(&with(0.2990), &["meaningless"]);
}

#[test]
fn a_blind_encoder_gives_no_number() {
    let mut blind = subject(likeness([0.45, 0.72, 0.73]));
    for cell in &mut blind.cells {
        put(cell, "identity_range_low", -0.01);
        put(cell, "leak", 0.9);
        put(cell, "copying_gap", 0.9);
        put(cell, "held_out_copying_gap", 0.0);
    }
    let text = format!("{}\n{}", said(&blind), answered(&blind));
    has(&text, &["The image encoder dino is blind to this subject", "no number that rests on it is shown"]);
    has_not(&text, &["overwritten", "copy their photos", "is what the image encoder", "backgrounds"]);
    for hidden in ["identity", "identity_share", "leak", "leak_low", "held_out_copying_gap", "feature_variety"] {
        assert!(says_nothing(&blind, hidden), "{hidden}");
    }
    for shown in ["probe_held_out", "prompt_following", "class_change_share", "max_nearest_similarity"] {
        assert!(!says_nothing(&blind, shown), "{shown}");
    }
    // The same encoder for prompts is as blind.
    blind.encoders[0].purposes.push(Purpose::Prompt);
    assert!(says_nothing(&blind, "prompt_following") && says_nothing(&blind, "baseline_prompt_following"));
    assert!(!says_nothing(&likeness([0.45, 0.72, 0.73]), "identity"));
    assert!(blind_words(&blind).is_some_and(|words| words.contains("dino")) && blind_words(&review()).is_none());
    let heads = |data: &StudyData| {
        let groups = crate::report::tables::columns::groups(data, "probe_held_out");
        groups.iter().flat_map(|group| &group.columns).map(|column| column.head).collect::<Vec<_>>()
    };
    assert!(heads(&likeness([0.45, 0.72, 0.73])).contains(&"likeness"));
    assert!(!heads(&blind).iter().any(|head| ["likeness", "copying", "leak into the class"].contains(head)));
    let json = verdict_json(&blind);
    assert_eq!(json["blind"], true);
    assert_eq!(json["conditions"][0]["side_effects"]["leak"], serde_json::Value::Null);
}

fn verdict_json(data: &StudyData) -> serde_json::Value {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut folder = Folder::open(dir.path()).expect("opens");
    files::write(&judged(data), &mut folder).expect("writes");
    folder.finish().expect("finishes");
    let text = std::fs::read(dir.path().join("verdict.json")).expect("reads");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn the_file_is_chosen_by_one_number_and_told_by_another() {
    // The sizes cannot be told apart: the smallest is the default.
    let text = answered(&likeness([0.70, 0.7005, 0.7002]));
    has(&text, &["Take 5 photos", "Of its trainings it has the highest likeness, so the number here is another one"]);
    has(&text, &["error on photos it never saw, against no training"]);
    // By the loss: half of the photos chooses, the other half tells.
    let mut data = seeds(&["5", "25"], &[&[0.25, 0.251, 0.2525], &[0.20, 0.2012, 0.202]], 0.31);
    for (index, cell) in data.cells.iter_mut().enumerate() {
        let mut own = probes(0.3, 0.3);
        let after = |row: &ProbeValueRow| ProbeValueRow { loss: row.loss - 0.01 * (index % 3) as f64, ..row.clone() };
        own.after = own.base.iter().map(after).collect();
        cell.probes = own;
    }
    let text = answered(&data);
    has(&text, &["Take 25 photos", "half of these photos chose it", "The file is that of 25 photos, training seed 2."]);
}

#[test]
fn nothing_better_than_the_base_is_not_recommended() {
    let text = answered(&seeds(&["5", "15"], &[&[0.400, 0.403, 0.4015], &[0.350, 0.3515, 0.3505]], 0.31));
    has(&text, &["None is worth taking", "To look at the best of them, here is 15 photos"]);
}

#[test]
fn what_failed_and_what_diverged_is_counted() {
    let text = answered(&fixture::study());
    has(&text, &["1 of 3 cells diverged (their learning rate is too high) and count in no mean."]);
    let mut failed = fixture::study();
    failed.cells[2].problems[0].reason = "no space left".into();
    has(&answered(&failed), &["1 of 3 cells failed.", "Next: 1 cell failed. Mend the cause", "runner shinchan.toml"]);
    let mut all = fixture::study();
    let broken = all.cells[2].clone();
    all.cells = vec![broken];
    has(
        &answered(&all),
        &["None: no training ended", "Next: Every training diverged.", "--set 'train.learning_rate=1e-5'"],
    );
}

#[test]
fn without_held_out_photos_some_are_asked_for() {
    let mut data = fixture::study();
    data.cells.truncate(2);
    for cell in &mut data.cells {
        cell.held_out_photos.clear();
        if let Some(m) = &mut cell.metrics {
            m.retain(|name, _| !name.contains("held_out"));
        }
    }
    has(&answered(&data), &["Only a little: no photo was held out", "--set dataset.held_out=5"]);
}

#[test]
fn what_cannot_be_settled_is_not_called_unimportant() {
    let text = said(&likeness([0.70, 0.7005, 0.7002]));
    has_not(&text, &["does not matter"]);
    let never = chance::never_settled("a", "b");
    has(&never, &["even 30 trainings of each would hardly tell them apart"]);
}

#[test]
fn more_like_than_real_photos_is_said_in_words() {
    let data = likeness([0.86, 0.8605, 0.8602]);
    let text = format!("{}\n{}", said(&data), answered(&data));
    has(&text, &["images are more like the photos than real photos are like each other: look whether they copy them."]);
    has(&text, &["brought the images all the way from the base model's to real photos"]);
    has(&text, &["[100\u{a0}% and more of the way"]);
    has_not(&text, &["112\u{a0}% of", "images 112"]);
}

#[test]
fn the_background_is_told_once() {
    let mut data = likeness([0.45, 0.72, 0.73]);
    let whole = said(&data);
    assert_eq!(whole.matches("backgrounds count").count(), 1, "{whole}");
    data.cells.iter_mut().for_each(|cell| put(cell, "identity_masked", 0.5));
    has(&said(&data), &["On the subject alone it is 0.5000 on average"]);
}
