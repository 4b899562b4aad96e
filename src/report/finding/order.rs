//! The order of conditions in sentences: who is worse than whom, and who cannot be told apart.

use crate::measures::verdict::{AxisEffect, Call, Enough, Interaction, Method};
use crate::text;

use super::judged::Judged;
use super::question::Question;
use super::standing::like_best;
use super::{chance, words};

/// What each condition bought, as a share of what the best one bought.
pub(super) fn shares(judged: &Judged<'_>) -> Option<String> {
    let v = &judged.verdict;
    let best = v.best?;
    let gain = v.conditions[best].gain.as_ref()?;
    let scored = judged.scored();
    if !gained(judged) {
        return Some(words::nothing_bought(scored.len() == 1).to_owned());
    }
    if scored.len() < 2 || !judged.few() {
        return None;
    }
    if let Some(alike) = bought_alike(judged, &scored) {
        return Some(alike);
    }
    let of_best = |c: &usize| Some(v.conditions[*c].gain.as_ref()?.change.mean / gain.change.mean);
    let mut others: Vec<(usize, f64)> =
        scored.iter().filter(|c| **c != best).filter_map(|c| Some((*c, of_best(c)?))).collect();
    // The nearest to the best first.
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let names = |group: &[(usize, f64)]| group.iter().map(|other| judged.title(other.0)).collect::<Vec<_>>();
    let alike = |a: &(usize, f64), b: &(usize, f64)| {
        words::tenths(a.1) == words::tenths(b.1) && words::listable(&names(&[*a, *b]))
    };
    let said = |group: &[(usize, f64)]| words::bought(&names(group), group[0].1, judged.title(best));
    let parts: Vec<String> = others.chunk_by(alike).map(said).collect();
    (!parts.is_empty()).then(|| parts.join(", and "))
}

/// Whether the best condition is better than no training: clearly, or in its one training.
pub(super) fn gained(judged: &Judged<'_>) -> bool {
    let gain = judged.verdict.best.and_then(|best| judged.verdict.conditions[best].gain);
    gain.is_some_and(|gain| {
        matches!(gain.call, Call::Better | Call::Unknown) && gain.change.mean * judged.study.direction.sign() > 0.0
    })
}

/// How far of the way to real photos all conditions came, where none can be told from another.
fn bought_alike(judged: &Judged<'_>, scored: &[usize]) -> Option<String> {
    let v = &judged.verdict;
    let span = judged.study.span.filter(|_| judged.question == Question::Identity)?;
    if v.differences.is_empty() || !v.differences.iter().all(|d| d.call == Call::NotClear) {
        return None;
    }
    let share = |c: &usize| Some(v.conditions[*c].gain.as_ref()?.change.mean / span);
    let shares: Vec<f64> = scored.iter().map(share).collect::<Option<_>>()?;
    let names: Vec<&str> = scored.iter().map(|c| judged.title(*c)).collect();
    let (low, high) = shares.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| (l.min(*s), h.max(*s)));
    Some(words::bought_alike(&names, low, high))
}

/// Who is clearly worse than whom, and who cannot be told apart; `None` where nothing may be compared.
pub(super) fn order(judged: &Judged<'_>) -> Option<String> {
    let v = &judged.verdict;
    if !judged.comparable || !judged.few() || v.method != Method::Pooled {
        return None;
    }
    let (best, scored) = (v.best?, judged.scored());
    let titles = |some: &[usize]| some.iter().map(|c| judged.title(*c)).collect::<Vec<&str>>();
    let others: Vec<usize> = scored.iter().copied().filter(|c| *c != best).collect();
    if v.best_is_clear {
        return Some(words::best(judged.title(best), &titles(&others)));
    }
    let mut parts = Vec::new();
    for c in &scored {
        let worse_than = |o: &usize| {
            v.differences.iter().any(|d| d.call_for(*c) == Some(Call::Worse) && (d.first == *o || d.second == *o))
        };
        let than: Vec<usize> = scored.iter().copied().filter(|o| o != c && worse_than(o)).collect();
        if !than.is_empty() {
            parts.push(words::worse(judged.title(*c), &titles(&than), than.len() == others.len()));
        }
    }
    let alike: Vec<usize> = scored.iter().copied().filter(|c| like_best(judged, *c)).collect();
    if alike.len() > 1 {
        parts.push(words::alike(&titles(&alike)));
    }
    Some(parts.join("; "))
}

/// How many photos are enough.
pub(super) fn enough(judged: &Judged<'_>) -> Option<String> {
    let v = &judged.verdict;
    // Of what is no better than no training, no size is enough.
    if !judged.comparable || !gained(judged) {
        return None;
    }
    let name = |level: usize| level_name(judged, v.sizes?, *v.order.get(level)?);
    let said = match v.enough {
        Enough::Size { level, than, at_most, .. } => words::enough(&name(level)?, &name(than)?, at_most) + ".",
        Enough::MoreMayHelp { level } => words::more_may_help(&name(level)?, &name(level.checked_sub(1)?)?) + ".",
        Enough::NotClear => words::not_told().to_owned(),
        Enough::NotAsked | Enough::NoSpan | Enough::OneTraining => return None,
    };
    Some(said)
}

/// What each of several axes does, the largest effect first, and which of them depend on each other.
pub(super) fn axes(judged: &Judged<'_>) -> Vec<String> {
    let Some(axes) = judged.verdict.axes.as_ref().filter(|_| judged.comparable) else { return Vec::new() };
    let mut effects: Vec<_> = axes.effects.iter().collect();
    effects.sort_by(|a, b| b.range.total_cmp(&a.range));
    effects.into_iter().filter_map(|effect| axis_said(judged, effect)).chain(turned_orders(judged)).collect()
}

/// What one axis does, the others averaged; `None` where nothing is known of chance.
pub(crate) fn axis_said(judged: &Judged<'_>, effect: &AxisEffect) -> Option<String> {
    let name = |level: usize| level_name(judged, effect.axis, level).unwrap_or_default();
    let clear = effect.differences.iter().filter(|d| matches!(d.call, Call::Better | Call::Worse));
    let clear: Vec<String> = clear
        .map(|d| match d.call {
            Call::Better => words::level_better(&name(d.first), &name(d.second), d.estimate),
            _ => words::level_better(&name(d.second), &name(d.first), d.estimate),
        })
        .collect();
    if !clear.is_empty() {
        return Some(sentence(&clear.join("; ")));
    }
    effect.differences.iter().all(|d| d.call == Call::NotClear).then(|| {
        let all: Vec<String> = (0..judged.axes[effect.axis].values.len()).map(name).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        sentence(&words::alike(&all))
    })
}

/// A sentence for each two axes of which one turns the order of two values of the other.
pub(crate) fn turned_orders(judged: &Judged<'_>) -> Vec<String> {
    let Some(axes) = judged.verdict.axes.as_ref().filter(|_| judged.comparable) else { return Vec::new() };
    let said = |i: &Interaction| {
        let value = |axis: usize, level: usize| level_name(judged, axis, level).unwrap_or_default();
        let [a, b] = i.values.map(|v| value(i.axis, v));
        let (a, b) = if i.at[0] > 0.0 { (a, b) } else { (b, a) };
        let [here, there] = i.by_values.map(|v| value(i.by, v));
        words::turned(&a, &b, &here, &there)
    };
    axes.interactions.iter().map(said).collect()
}

/// A value of an axis as people say it.
pub(crate) fn level_name(judged: &Judged<'_>, axis: usize, level: usize) -> Option<String> {
    let axis = judged.axes.get(axis)?;
    Some(crate::report::naming::axis::say(axis.key, axis.values.get(level)?))
}

/// How much a training moves when it is repeated, beside the difference that is hardest to see.
pub(super) fn noise(judged: &Judged<'_>) -> Option<String> {
    let v = &judged.verdict;
    let noise = v.noise.filter(|_| judged.comparable && v.method == Method::Pooled)?;
    let between = v.settle.map(|s| (judged.title(s.best), judged.title(s.other))).filter(|_| judged.few());
    let difference = v.settle.and_then(|s| {
        let pair =
            |d: &&crate::measures::verdict::Difference| d.call_for(s.best).is_some() && d.call_for(s.other).is_some();
        v.differences.iter().find(pair).map(|d| d.estimate)
    });
    let between = between.zip(difference).map(|((a, b), d)| (a, b, d));
    Some(chance::noise(judged.question.noun(), noise.sd, between))
}

/// The change with each doubling of the photos.
pub(super) fn trend(judged: &Judged<'_>) -> Option<String> {
    let t = judged.verdict.trend.filter(|_| judged.comparable)?;
    Some(chance::trend(judged.question.noun(), t.per_doubling, t.low?, t.high?))
}

/// A text as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The mean of a condition with what is known of it: `5 photos 0.3021 (3 trainings, 0.2945 to 0.3097)`.
pub(super) fn numbers(judged: &Judged<'_>, condition: usize) -> Option<String> {
    let mean = mean(judged, condition)?;
    Some(match judged.title(condition) {
        "" => mean,
        title => format!("{title} {mean}"),
    })
}

/// The same without the name of the condition.
pub(super) fn mean(judged: &Judged<'_>, condition: usize) -> Option<String> {
    let score = judged.verdict.conditions[condition].score?;
    let mean = text::measurement(score.mean);
    Some(match score.low.zip(score.high) {
        Some((low, high)) => format!(
            "{mean} (mean of {}, 95\u{a0}% interval {} to {})",
            text::count(score.n, "training"),
            text::measurement(low),
            text::measurement(high)
        ),
        None => mean,
    })
}
