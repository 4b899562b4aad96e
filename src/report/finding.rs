//! What the numbers say, in words that do not say more than the numbers.
//!
//! The measured quantity is the probe loss on held-out photos: the denoising error of the model at
//! fixed noise and timesteps on photos no cell trained on. Lower is better.

use crate::report::data::{CellData, StudyData};
use crate::report::{layout, words};

/// The study's answer so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// One or two sentences for the top of the page.
    pub(crate) headline: String,
    /// What must be known to read it rightly.
    pub(crate) notes: Vec<String>,
}

/// Cells that differ in the training seed only, with their held-out losses.
struct Condition {
    title: String,
    base: f64,
    held_out: Vec<f64>,
    train: Vec<f64>,
    base_train: f64,
}

/// Says what the study found.
pub(crate) fn finding(data: &StudyData) -> Finding {
    let conditions = conditions(data);
    let headline = if conditions.is_empty() { nothing_measured(data) } else { headline(&conditions) };
    Finding { headline, notes: notes(data, &conditions) }
}

fn nothing_measured(data: &StudyData) -> String {
    match data.cells.iter().filter(|c| c.problems.iter().any(|p| p.failed)).count() {
        0 => "Nothing is measured yet.".to_owned(),
        n => format!("Nothing is measured: {} of {} failed.", n, words::count(data.cells.len(), "cell")),
    }
}

fn headline(conditions: &[Condition]) -> String {
    let of = |c: &Condition| {
        let v = mean(&c.held_out);
        format!("{} with {} ({})", words::number(v), c.title, words::change(c.base, v))
    };
    let (low, high) = range(&conditions.iter().map(|c| c.base).collect::<Vec<_>>());
    let base =
        if same(low, high) { words::number(low) } else { format!("{} to {}", words::number(low), words::number(high)) };
    let start = format!("On photos no cell trains on, the base model's denoising loss is {base}; after training it ");
    let rest = if few(conditions) {
        format!("is {}.", words::list(&conditions.iter().map(of).collect::<Vec<_>>()))
    } else {
        let by_loss = |a: &&Condition, b: &&Condition| mean(&a.held_out).total_cmp(&mean(&b.held_out));
        let ends = [conditions.iter().min_by(by_loss), conditions.iter().max_by(by_loss)];
        let fell = conditions.iter().filter(|c| mean(&c.held_out) < c.base).count();
        let ends: Vec<String> = ends.into_iter().flatten().map(of).collect();
        format!("lies between {}; it fell in {fell} of {} combinations.", ends.join(" and "), conditions.len())
    };
    match winner(conditions) {
        Some(winner) => {
            format!("{start}{rest} {winner} is lowest, and its spread over training seeds overlaps with no other.")
        }
        None => start + &rest,
    }
}

/// How the loss on training photos moved, and what it would mean.
fn memorising(conditions: &[Condition]) -> String {
    let changes: Vec<String> = conditions
        .iter()
        .filter(|c| !c.train.is_empty() && c.base_train.is_finite())
        .map(|c| format!("{} with {}", words::change(c.base_train, mean(&c.train)), c.title))
        .collect();
    let meaning = "where it falls much further than on unseen photos, the adapter learns its photos by heart.";
    if changes.is_empty() || !few(conditions) {
        format!("The loss on the photos a cell trains on stands beside it in the table; {meaning}")
    } else {
        format!("On the photos it trained on, the loss changed by {}; {meaning}", words::list(&changes))
    }
}

/// Few enough, and with short enough names, to be said in one sentence.
fn few(conditions: &[Condition]) -> bool {
    conditions.len() <= 4 && conditions.iter().all(|c| !c.title.contains(','))
}

/// The condition whose whole spread lies below every other's; needs two seeds of each and one baseline.
fn winner(conditions: &[Condition]) -> Option<String> {
    let (low, high) = range(&conditions.iter().map(|c| c.base).collect::<Vec<_>>());
    let comparable = same(low, high);
    if conditions.len() < 2 || !comparable || conditions.iter().any(|c| c.held_out.len() < 2) {
        return None;
    }
    let best = conditions.iter().min_by(|a, b| mean(&a.held_out).total_cmp(&mean(&b.held_out)))?;
    let top = range(&best.held_out).1;
    let clear = conditions.iter().filter(|c| c.title != best.title).all(|c| range(&c.held_out).0 > top);
    clear.then(|| best.title.clone())
}

fn notes(data: &StudyData, conditions: &[Condition]) -> Vec<String> {
    let mut notes = Vec::new();
    if !conditions.is_empty() {
        let seeds = conditions.iter().map(|c| c.held_out.len()).min().unwrap_or(0);
        if seeds < 2 {
            notes.push("One training seed: differences between cells may be chance, so none is called best.".into());
        } else if winner(conditions).is_none() && conditions.len() > 1 {
            notes.push(format!("{seeds} training seeds; the spreads overlap, so none is called best."));
        }
        notes.push(memorising(conditions));
        notes.push("Likeness to the subject (identity) is not measured yet; look at the images.".into());
    }
    let failed = data.cells.iter().filter(|c| c.problems.iter().any(|p| p.failed)).count();
    if failed > 0 && !conditions.is_empty() {
        notes.push(format!("{} of {} failed; the reasons are below.", failed, words::count(data.cells.len(), "cell")));
    }
    notes.extend(data.notices.iter().cloned());
    notes
}

fn conditions(data: &StudyData) -> Vec<Condition> {
    let mut out: Vec<Condition> = Vec::new();
    for cell in &data.cells {
        let Some(m) = &cell.metrics else { continue };
        let (Some(held_out), Some(base)) = (m.probe_held_out, m.baseline_probe_held_out) else { continue };
        if !held_out.is_finite() || !base.is_finite() {
            continue;
        }
        let title = title_without_seed(data, cell);
        let train = m.probe_train.filter(|v| v.is_finite());
        match out.iter_mut().find(|c| c.title == title) {
            Some(c) => {
                c.held_out.push(held_out);
                c.train.extend(train);
            }
            None => out.push(Condition {
                title,
                base,
                held_out: vec![held_out],
                train: train.into_iter().collect(),
                base_train: m.baseline_probe_train.unwrap_or(f64::NAN),
            }),
        }
    }
    out
}

fn title_without_seed(data: &StudyData, cell: &CellData) -> String {
    let mut cell = CellData {
        assignments: cell.assignments.clone(),
        train_photos: cell.train_photos.clone(),
        ..CellData::default()
    };
    cell.assignments.retain(|s| s.key != "train.seed");
    layout::full_title(data, &cell)
}

/// Equal up to rounding.
fn same(low: f64, high: f64) -> bool {
    high - low <= 1e-6 * high.abs()
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

fn range(v: &[f64]) -> (f64, f64) {
    v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Setting;
    use crate::report::fixture;

    #[test]
    fn single_seed_claims_no_winner() {
        let f = finding(&fixture::study());
        insta::assert_snapshot!(f.headline);
        insta::assert_snapshot!(f.notes.join("\n"));
    }

    #[test]
    fn a_winner_needs_seeds_that_do_not_overlap() {
        let clear = finding(&seeds([[0.30, 0.31], [0.20, 0.21]]));
        assert!(
            clear.headline.ends_with("4 photos is lowest, and its spread over training seeds overlaps with no other.")
        );
        let overlap = finding(&seeds([[0.30, 0.20], [0.25, 0.19]]));
        assert!(!overlap.headline.contains("lowest"));
        assert!(overlap.notes[0].contains("overlap"));
    }

    #[test]
    fn many_combinations_are_said_by_their_range() {
        let f = finding(&fixture::two_axes());
        assert!(f.headline.contains("lies between 0.2600 with 4 photos, rank"), "{}", f.headline);
        assert!(f.headline.ends_with("it fell in 4 of 4 combinations."), "{}", f.headline);
    }

    #[test]
    fn nothing_measured_is_said() {
        let mut data = fixture::study();
        data.cells.iter_mut().for_each(|c| c.metrics = None);
        assert_eq!(finding(&data).headline, "Nothing is measured: 1 of 3 cells failed.");
        assert_eq!(finding(&StudyData::default()).headline, "Nothing is measured yet.");
    }

    fn seeds(losses: [[f64; 2]; 2]) -> StudyData {
        let mut data = fixture::study();
        let template = data.cells[0].clone();
        data.cells.clear();
        for (size, values) in [2, 4].into_iter().zip(losses) {
            for (seed, v) in values.into_iter().enumerate() {
                let mut cell = template.clone();
                cell.assignments = vec![
                    Setting { key: "dataset.size".into(), value: size.to_string() },
                    Setting { key: "train.seed".into(), value: seed.to_string() },
                ];
                if let Some(m) = &mut cell.metrics {
                    m.probe_held_out = Some(v);
                }
                data.cells.push(cell);
            }
        }
        data
    }
}
