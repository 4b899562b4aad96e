//! What a report may claim: the only place that turns numbers into statements, for the page, the text and the pictures.
//!
//! The measured quantity is the probe loss: the denoising error of the model at fixed noise and timesteps, on photos no
//! cell trained on if there are any. Lower is better. Trainings are counted, never cells or images.

mod collapse;
mod compare;
mod likeness;
mod sections;
mod trainings;

#[cfg(test)]
mod tests;

use crate::report::data::StudyData;
use crate::report::words;
use crate::text;
use compare::Losses;
pub(crate) use sections::{copying_words, curve_words, from_noise, held_out_title, numbers_words, real_photos};
use trainings::{Condition, Split, conditions, range, same};

/// The study's answer so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// One or two sentences for the top of the page.
    pub(crate) headline: String,
    /// What must be known to read it rightly.
    pub(crate) notes: Vec<String>,
}

/// Says what the study found.
pub(crate) fn finding(data: &StudyData) -> Finding {
    let trained = conditions(data);
    let measured = |split: Split| trained.iter().flat_map(|c| &c.trainings).any(|t| t.loss(split).after.is_some());
    let split = if measured(Split::HeldOut) { Split::HeldOut } else { Split::Train };
    // The report speaks only of trainings that have a number.
    let mut with_number = trained.clone();
    for condition in &mut with_number {
        condition.trainings.retain(|t| t.loss(split).after.is_some());
    }
    with_number.retain(|c| !c.trainings.is_empty());
    let losses: Vec<Losses<'_>> = with_number.iter().map(|c| losses(c, split)).collect();
    let mut notes = Vec::new();
    let headline = if losses.is_empty() {
        nothing_measured(data, &trained)
    } else {
        notes.push(compare::chance(&with_number, &losses, split));
        notes.extend(worse(&with_number, split));
        notes.extend(memorising(data, &with_number, split));
        notes.extend(without_number(&trained, &with_number));
        headline(data, &with_number, &losses, split)
    };
    notes.extend(shared(data, &trained));
    notes.extend(collapse::notes(data));
    notes.extend(likeness::notes(data));
    if !losses.is_empty() {
        notes.extend(unfinished(data).map(|what| format!("{what}; the reasons are below.")));
    }
    notes.extend(data.notices.iter().cloned());
    Finding { headline, notes }
}

fn losses(condition: &Condition, split: Split) -> Losses<'_> {
    let all = || condition.trainings.iter().map(|t| t.loss(split));
    Losses {
        title: &condition.title,
        after: all().filter_map(|l| l.after).collect(),
        base: all().filter_map(|l| l.base).collect(),
    }
}

/// The sentence when no loss is a number.
fn nothing_measured(data: &StudyData, trained: &[Condition]) -> String {
    let trainings: usize = trained.iter().map(|c| c.trainings.len()).sum();
    match unfinished(data) {
        _ if data.cells.is_empty() => "Nothing is measured yet.".to_owned(),
        None | Some(_) if trainings > 0 => {
            let rest = unfinished(data).map(|what| format!(" {what}.")).unwrap_or_default();
            format!("No denoising loss after training is a number ({}).{rest}", text::count(trainings, "training"))
        }
        Some(what) => format!("Nothing is measured yet: {}.", lower(&what)),
        None => "No denoising loss is measured.".to_owned(),
    }
}

/// How many cells failed and how many are not finished.
fn unfinished(data: &StudyData) -> Option<String> {
    let (all, failed, waiting) = (data.cells.len(), data.failed_cells(), data.waiting_cells());
    let of = |n: usize| match (n, all) {
        (1, 1) => "The only cell".to_owned(),
        (n, all) if n == all => format!("All {all} cells"),
        _ => format!("{n} of {all} cells"),
    };
    let are = |n: usize| if n == 1 { "is" } else { "are" };
    match (failed, waiting) {
        (0, 0) => None,
        (n, 0) => Some(format!("{} failed", of(n))),
        (0, n) => Some(format!("{} {} not finished", of(n), are(n))),
        (f, w) => Some(format!("{} failed and {w} {} not finished", of(f), are(w))),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn headline(data: &StudyData, conditions: &[Condition], losses: &[Losses<'_>], split: Split) -> String {
    let cells = || conditions.iter().flat_map(|c| &c.trainings).filter_map(|t| data.cells.get(t.cell));
    let place = match split {
        Split::HeldOut => format!("On {}", sections::held_out_place(data, cells())),
        Split::Train => {
            "No photo is held out, so nothing is known of photos the model never saw. On photos it trains on".to_owned()
        }
    };
    let bases: Vec<f64> = losses.iter().flat_map(|c| &c.base).copied().collect();
    let (low, high) = range(&bases);
    let start = if bases.is_empty() {
        format!("{place}, the denoising loss after training ")
    } else if same(low, high) {
        format!("{place}, the base model's denoising loss is {}; after training it ", text::measurement(low))
    } else {
        let (low, high) = (text::measurement(low), text::measurement(high));
        format!("{place}, the base model's denoising loss is {low} to {high}; after training it ")
    };
    let rest = match losses {
        [one] if one.after.len() > 1 => {
            let (low, high) = range(&one.after);
            format!("is {}, from {} to {}.", one.said(), text::measurement(low), text::measurement(high))
        }
        _ if compare::few(losses) => {
            format!("is {}.", text::list(&losses.iter().map(Losses::said).collect::<Vec<_>>()))
        }
        _ => between(conditions, losses, split),
    };
    match compare::lowest(conditions, losses, split) {
        Some(best) if compare::few(losses) => format!("{start}{rest} Every loss with {best} lies below every other."),
        _ => start + &rest,
    }
}

/// The lowest and the highest mean of many conditions, and in how many trainings the loss fell.
fn between(conditions: &[Condition], losses: &[Losses<'_>], split: Split) -> String {
    let mean = |c: &Losses<'_>| trainings::mean(&c.after);
    let ends = [
        losses.iter().min_by(|a, b| mean(a).total_cmp(&mean(b))),
        losses.iter().max_by(|a, b| mean(a).total_cmp(&mean(b))),
    ];
    let ends: Vec<String> = ends.into_iter().flatten().map(Losses::said).collect();
    let (fell, known) = moved(conditions, split, |base, after| after < base);
    let how = if losses.iter().any(|c| c.after.len() > 1) { "is, as the mean of a condition," } else { "lies" };
    format!("{how} between {}; it fell in {fell} of {}.", ends.join(" and "), text::count(known, "training"))
}

/// The number of trainings whose loss moved that way, and the number whose loss is known before and after.
fn moved(conditions: &[Condition], split: Split, that_way: impl Fn(f64, f64) -> bool) -> (usize, usize) {
    let pairs = || {
        let all = conditions.iter().flat_map(|c| &c.trainings).map(|t| t.loss(split));
        all.filter_map(|l| l.base.zip(l.after))
    };
    (pairs().filter(|(base, after)| that_way(*base, *after)).count(), pairs().count())
}

/// A sentence on the trainings that made the model worse.
fn worse(conditions: &[Condition], split: Split) -> Option<String> {
    let (rose, known) = moved(conditions, split, |base, after| after > base && !same(base, after));
    let those = match split {
        Split::HeldOut => "these photos",
        Split::Train => "the very photos it trained on",
    };
    match (rose, known) {
        (0, _) => None,
        (1, 1) => Some(format!("The loss ended above the base model's: on {those} the training made the model worse.")),
        (rose, known) => Some(format!(
            "In {rose} of {known} trainings the loss ended above the base model's: on {those} they made the model \
             worse."
        )),
    }
}

/// A sentence on how the loss on training photos moved, and what that means.
fn memorising(data: &StudyData, conditions: &[Condition], split: Split) -> Option<String> {
    if split == Split::Train {
        return None;
    }
    let losses: Vec<Losses<'_>> = conditions.iter().map(|c| losses(c, Split::Train)).collect();
    let changes: Vec<String> = losses
        .iter()
        .filter(|c| !c.after.is_empty() && c.base.len() == c.after.len())
        .filter_map(|c| {
            let change = words::change(trainings::mean(&c.base), trainings::mean(&c.after))?;
            Some(if c.title.is_empty() { change } else { format!("{change} with {}", c.title) })
        })
        .collect();
    if changes.is_empty() {
        return None;
    }
    let meaning = "where it falls much further than on unseen photos, the adapter learns its photos by heart.";
    let first = match sections::measured_first(data) {
        Some(1) => " (measured on the first of them)".to_owned(),
        Some(n) => format!(" (measured on the first {n} at most)"),
        None => String::new(),
    };
    Some(if compare::few(&losses) {
        format!("On the photos it trained on{first}, the loss changed by {}; {meaning}", text::list(&changes))
    } else {
        format!("The loss on the photos a cell trains on{first} stands beside it in the table; {meaning}")
    })
}

/// A sentence on the trainings that are left out because they have no such number.
fn without_number(trained: &[Condition], with_number: &[Condition]) -> Option<String> {
    let count = |all: &[Condition]| all.iter().map(|c| c.trainings.len()).sum::<usize>();
    match count(trained) - count(with_number) {
        0 => None,
        1 => Some("One training is left out above: it has no such loss, or its loss is not a number.".into()),
        n => Some(format!("{n} trainings are left out above: they have no such loss, or it is not a number.")),
    }
}

/// A sentence on cells that share a training.
fn shared(data: &StudyData, trained: &[Condition]) -> Option<String> {
    let trainings: usize = trained.iter().map(|c| c.trainings.len()).sum();
    let cells = data.cells.iter().filter(|c| c.trained).count();
    (trainings > 0 && cells > trainings).then(|| {
        let (cells, trainings) = (text::count(cells, "cell"), text::count(trainings, "training"));
        format!("{cells} share {trainings}: cells of one training differ in nothing that the training depends on.")
    })
}
