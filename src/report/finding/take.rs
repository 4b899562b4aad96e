//! Which file do I take?
//!
//! The verdict chooses the condition; where it cannot, the smallest size that is not clearly worse is a sensible
//! default. What is chosen by one number is reported by another one.

use crate::measures::verdict::choose::choose;
use crate::measures::verdict::{Direction, Enough, Method};
use crate::report::naming::titles;
use crate::report::tables::name_test::{held_out_losses, trained_tests};

use super::answer::{Answer, Number, change, whole};
use super::judged::Judged;
use super::question::Question;
use super::standing::like_best;
use super::{order, side_effects, words};

/// An adapter without side effects is taken if it gained at least this share of what the best one gained.
const ENOUGH_GAIN: f64 = 0.5;

/// Why a condition is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// There is no other.
    Only,
    /// It is the smallest size that is enough.
    Enough,
    /// It is clearly better than all others.
    Best,
    /// Nothing is clearly better, and it is the smallest.
    Smallest,
    /// It has the best mean of those that cannot be told apart.
    Ahead,
    /// It came out best in its one training.
    OneTraining,
    /// Conditions may not be compared; it is the first.
    First,
}

/// The file to take, and the index of its cell.
pub(super) fn take(judged: &Judged<'_>) -> (Answer, Option<usize>) {
    let mut answer = Answer { question: "Which file do I take?", ..Answer::default() };
    let Some((condition, why)) = condition(judged) else {
        let all = judged.conditions.iter().map(|c| c.trainings.len()).sum::<usize>();
        answer.sentence = match all {
            0 => "None yet: no training is finished.".to_owned(),
            _ => "None: no training ended with an adapter that can be used.".to_owned(),
        };
        return (answer, None);
    };
    let (cell, number, how) = training(judged, condition);
    let data = &judged.data.cells[cell];
    let title = judged.title(condition);
    let name = if title.is_empty() { "this one".to_owned() } else { title.to_owned() };
    let worse = judged.comparable && !order::gained(judged);
    answer.sentence = if worse {
        "None is worth taking yet: no training is clearly better than no training.".to_owned()
    } else {
        sentence(why, &name)
    };
    let full = titles::full_title(judged.data, data);
    if worse {
        answer.more.push(format!("To look at the best of them, here is {full}."));
    } else if full != name {
        answer.more.push(format!("The file is that of {full}. {how}"));
    } else if !how.is_empty() {
        answer.more.push(how.to_owned());
    }
    answer.more.extend(side_effects::of_condition(judged, condition));
    answer.number = number;
    (answer, Some(cell))
}

fn sentence(why: Why, name: &str) -> String {
    match why {
        Why::Only => "Take this one: there is no other.".to_owned(),
        Why::Enough => format!("Take {name}: more photos did not come out better by anything that matters."),
        Why::Best => format!("Take {name}: clearly better than all others."),
        Why::Smallest => {
            format!("No clear winner, so take {name}: the smallest size that did not come out clearly worse.")
        }
        Why::Ahead => format!("No clear winner. Ahead {} {name}, but that may be chance.", words::is(name)),
        Why::OneTraining => {
            order::sentence(&format!("{name} came out best in one training of each; that may be chance"))
        }
        Why::First => format!("They cannot be compared with each other, so this is just the first one: {name}."),
    }
}

/// What a condition gained over the base model; more is better.
fn gain(judged: &Judged<'_>, condition: usize) -> Option<f64> {
    Some(judged.verdict.conditions[condition].gain?.change.mean * judged.study.direction.sign())
}

/// The condition to take.
fn condition(judged: &Judged<'_>) -> Option<(usize, Why)> {
    let usable = |c: &usize| cells(judged, *c).next().is_some();
    let scored: Vec<usize> = judged.scored().into_iter().filter(usable).collect();
    let v = &judged.verdict;
    let first = *scored.first()?;
    if !judged.comparable {
        return Some((first, Why::First));
    }
    if let [only] = scored.as_slice() {
        return Some((
            *only,
            if judged.conditions.len() > 1 && judged.scored().len() > 1 { Why::First } else { Why::Only },
        ));
    }
    let best = v.best.filter(usable).unwrap_or(first);
    if let (Enough::Size { level, .. }, true) = (&v.enough, judged.axes.len() == 1) {
        let value = v.order.get(*level);
        let at = |c: &usize| judged.study.conditions[*c].levels.first() == value;
        if let Some(enough) = scored.iter().copied().find(at) {
            return Some((enough, Why::Enough));
        }
    }
    if v.best_is_clear {
        return Some((best, Why::Best));
    }
    if matches!(v.method, Method::OneTraining | Method::NoNoise) {
        let why = if v.method == Method::OneTraining { Why::OneTraining } else { Why::Ahead };
        return Some((without_side_effects(judged, &scored, best), why));
    }
    let alike: Vec<usize> = scored.into_iter().filter(|c| like_best(judged, *c)).collect();
    if v.sizes.is_some() && judged.axes.len() == 1 {
        let place =
            |c: &usize| v.order.iter().position(|value| judged.study.conditions[*c].levels.first() == Some(value));
        let clean: Vec<usize> = alike.iter().copied().filter(|c| side_effects::grave(judged, *c).is_empty()).collect();
        let from = if clean.is_empty() { &alike } else { &clean };
        if let Some(smallest) = from.iter().copied().min_by_key(place) {
            return Some((smallest, Why::Smallest));
        }
    }
    Some((without_side_effects(judged, &alike, best), Why::Ahead))
}

/// The best of these that has no side effect, if it gained enough; else the best.
fn without_side_effects(judged: &Judged<'_>, from: &[usize], best: usize) -> usize {
    let clean = from.iter().copied().filter(|c| side_effects::grave(judged, *c).is_empty());
    let gains = clean.filter_map(|c| Some((c, gain(judged, c)?)));
    let found = gains.max_by(|a, b| a.1.total_cmp(&b.1));
    let wanted = gain(judged, best).map(|gain| gain * ENOUGH_GAIN);
    found.filter(|(_, gain)| wanted.is_some_and(|wanted| *gain >= wanted)).map_or(best, |(c, _)| c)
}

/// The cells of a condition whose adapter can be taken, with their scores.
fn cells<'j>(judged: &'j Judged<'_>, condition: usize) -> impl Iterator<Item = (usize, f64)> + 'j {
    let all = judged.conditions[condition].trainings.iter();
    let usable = all.filter_map(|t| Some((t.cell, t.score?)));
    usable.filter(|(cell, _)| judged.data.cells.get(*cell).is_some_and(|cell| !cell.adapters.is_empty()))
}

/// One training of a condition, a number that had no part in choosing it, and by what it was chosen.
fn training(judged: &Judged<'_>, condition: usize) -> (usize, Option<Number>, &'static str) {
    let all: Vec<(usize, f64)> = cells(judged, condition).collect();
    let sign = judged.study.direction.sign();
    let best = || all.iter().max_by(|a, b| (a.1 * sign).total_cmp(&(b.1 * sign))).map_or(0, |(cell, _)| *cell);
    let several = all.len() > 1;
    match judged.question {
        Question::Identity => {
            let by = "Of its trainings it has the highest likeness, so the number here is another one: the error.";
            (best(), error(judged, best()), if several { by } else { "" })
        }
        Question::HeldOut => {
            let (cell, number, by) = match by_halves(judged, &all) {
                Some((cell, number)) => {
                    let by = "Of its trainings it has the lowest error on photos it never saw; half of these photos \
                              chose it, and the number is that of the other half.";
                    (cell, number, by)
                }
                None => {
                    (best(), likeness(judged, best()), "Of its trainings it has the lowest error on unseen photos.")
                }
            };
            (cell, number, if several { by } else { "" })
        }
        Question::Train => {
            let by = "Nothing is held out that could choose among its trainings.";
            (all.first().map_or(0, |(cell, _)| *cell), None, if several { by } else { "" })
        }
    }
}

/// The change of the error on photos that the cell never saw.
fn error(judged: &Judged<'_>, index: usize) -> Option<Number> {
    let of = "error on photos it never saw, against no training".to_owned();
    let cell = judged.data.cells.get(index)?;
    let test = trained_tests(judged.data).into_iter().find(|test| std::ptr::eq(test.cell, cell));
    match test.filter(|_| !cell.held_out_photos.is_empty()) {
        Some(test) => {
            let (d, before) = (test.identifier.difference, test.identifier.before);
            Some(change(d.mean / before, d.low.map(|low| low / before), d.high.map(|high| high / before), of))
        }
        None => {
            let base = cell.value("baseline_probe_held_out").filter(|base| *base > 0.0)?;
            Some(change(cell.value("probe_held_out")? / base - 1.0, None, None, of))
        }
    }
}

/// The likeness of a cell where the loss is judged.
fn likeness(judged: &Judged<'_>, index: usize) -> Option<Number> {
    if super::blind::is_blind(judged.data) {
        return None;
    }
    let share = judged.data.cells.get(index)?.value("identity_share")?;
    let of = "of the way from the base model's images to real photos".to_owned();
    Some(Number { value: whole(share), of, interval: String::new() })
}

/// Chosen by one half of the held-out photos, reported by the other.
fn by_halves(judged: &Judged<'_>, all: &[(usize, f64)]) -> Option<(usize, Option<Number>)> {
    let of = |(index, _): &(usize, f64)| held_out_losses(&judged.data.cells[*index].probes.after);
    let losses: Vec<Vec<f64>> = all.iter().map(of).collect::<Option<_>>()?;
    let choice = choose(&losses, Direction::Lower)?;
    let cell = all.get(choice.chosen)?.0;
    let base = held_out_losses(&judged.data.cells[cell].probes.base)?;
    let base = base.iter().sum::<f64>() / base.len() as f64;
    let of = "error on photos that had no part in the choice, against no training".to_owned();
    Some((cell, (base > 0.0).then(|| change(choice.reported / base - 1.0, None, None, of))))
}
