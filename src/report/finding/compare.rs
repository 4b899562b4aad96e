//! What may be said when conditions are compared.

use super::trainings::{Condition, Split, comparable, mean, range};
use crate::report::words;
use crate::text;

/// A condition's name and the losses of its trainings.
pub(super) struct Losses<'c> {
    pub(super) title: &'c str,
    pub(super) after: Vec<f64>,
    /// The base model's losses, of those trainings for which it is known.
    pub(super) base: Vec<f64>,
}

impl Losses<'_> {
    /// The change of the mean, with the number of trainings when it is a mean.
    pub(super) fn said(&self) -> String {
        let v = mean(&self.after);
        let change = if self.base.len() == self.after.len() { words::change(mean(&self.base), v) } else { None };
        let several = (self.after.len() > 1).then(|| format!("mean of {} trainings", self.after.len()));
        let small: Vec<String> = change.into_iter().chain(several).collect();
        let with = if self.title.is_empty() { String::new() } else { format!(" with {}", self.title) };
        let small = if small.is_empty() { String::new() } else { format!(" ({})", small.join(", ")) };
        format!("{}{with}{small}", text::measurement(v))
    }
}

/// Whether the conditions are few enough, and their names short enough, to stand in one sentence.
pub(super) fn few(losses: &[Losses<'_>]) -> bool {
    losses.len() <= 4 && losses.iter().all(|c| !c.title.contains(',') && c.title.chars().count() <= 60)
}

/// The condition whose losses all lie below every loss of the others. It needs two trainings of each condition.
pub(super) fn lowest<'c>(conditions: &[Condition], losses: &'c [Losses<'_>], split: Split) -> Option<&'c str> {
    if losses.len() < 2 || losses.iter().any(|c| c.after.len() < 2) || !comparable(conditions, split) {
        return None;
    }
    let (best, others) = ordered(losses)?;
    let top = range(&best.after).1;
    others.iter().all(|c| range(&c.after).0 > top).then_some(best.title)
}

/// How certain the order of conditions is, as far as ranges can say it.
pub(super) fn chance(conditions: &[Condition], losses: &[Losses<'_>], split: Split) -> String {
    let n = range(&losses.iter().map(|c| c.after.len() as f64).collect::<Vec<_>>());
    if losses.len() < 2 {
        return match n.1 as usize {
            1 => "This is one training: with another training seed the loss may be another.".to_owned(),
            n => format!("These are {n} trainings of one condition: they show what chance does and compare nothing."),
        };
    }
    if !comparable(conditions, split) {
        return "The losses of the base model differ or are not all known (other photos, words, base model, resolution \
                or way to measure), so the conditions are not compared with each other, and none is called best."
            .to_owned();
    }
    if n.1 < 2.0 {
        return "One training of each condition: a difference between two of them may be chance, so none is called best."
            .to_owned();
    }
    if n.0 < 2.0 {
        return "Some conditions have one training only, so none is called best.".to_owned();
    }
    let trainings = if n.0 < n.1 { format!("{} to {} trainings", n.0, n.1) } else { format!("{} trainings", n.0) };
    let ranges = if few(losses) {
        let one = |c: &Losses<'_>| {
            let (low, high) = range(&c.after);
            format!("{} to {} with {}", text::measurement(low), text::measurement(high), c.title)
        };
        format!(" Their losses: {}.", text::list(&losses.iter().map(one).collect::<Vec<_>>()))
    } else {
        String::new()
    };
    format!("There are {trainings} of each condition.{ranges} {}", order(losses))
}

/// The condition with the lowest mean against the others.
fn order(losses: &[Losses<'_>]) -> String {
    let Some((best, others)) = ordered(losses) else { return String::new() };
    let top = range(&best.after).1;
    let (apart, overlap): (Vec<&Losses<'_>>, Vec<&Losses<'_>>) =
        others.into_iter().partition(|c| range(&c.after).0 > top);
    let names = |some: &[&Losses<'_>]| {
        if few(losses) {
            text::list(&some.iter().map(|c| c.title.to_owned()).collect::<Vec<_>>())
        } else {
            format!("{} of the {} others", some.len(), losses.len() - 1)
        }
    };
    if overlap.is_empty() {
        return format!(
            "Every loss with {} lies below every other. This compares ranges; it is not a statistical test.",
            best.title
        );
    }
    let mut text =
        format!("The range with {}, which has the lowest mean, overlaps with {}", best.title, names(&overlap));
    if !apart.is_empty() {
        text += &format!(" and lies wholly below {}", names(&apart));
    }
    text + "; none is called best. This compares ranges; it is not a statistical test."
}

/// The condition with the lowest mean, and the others.
fn ordered<'l, 'c>(losses: &'l [Losses<'c>]) -> Option<(&'l Losses<'c>, Vec<&'l Losses<'c>>)> {
    let best = (0..losses.len()).min_by(|a, b| mean(&losses[*a].after).total_cmp(&mean(&losses[*b].after)))?;
    Some((&losses[best], losses.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, c)| c).collect()))
}
