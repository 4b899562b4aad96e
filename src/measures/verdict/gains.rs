//! Whether a condition is better than no training at all.

use serde::Serialize;

use super::comparison::Method;
use super::differences::Call;
use super::estimate::Estimate;
use super::student::{two_sided, two_sided_quantile};
use super::study::Study;

/// A condition against the base model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Score − floor over the trainings that have both.
    pub change: Estimate,
    /// Degrees of freedom of its interval; `None` without one.
    pub df: Option<f64>,
    /// The chance of such a change without any effect.
    pub p: Option<f64>,
    /// The same, corrected for all comparisons of the study (Holm).
    pub p_holm: Option<f64>,
    /// What may be said.
    pub call: Call,
}

/// The variance of a training's change, over all conditions together.
#[derive(Clone, Copy)]
struct Pooled {
    variance: f64,
    df: f64,
}

/// One entry for each condition, not yet corrected for the other comparisons; `None` where the floor is not known.
pub(super) fn gains(study: &Study, method: Method) -> Vec<Option<Gain>> {
    let changes: Vec<Vec<Option<f64>>> = (study.conditions.iter())
        .map(|c| c.scores.iter().zip(&c.floor).map(|(y, floor)| Some((*y)? - (*floor)?).filter(|d| d.is_finite())))
        .map(Iterator::collect)
        .collect();
    let common = if method == Method::Pooled { pooled(&changes) } else { None };
    changes.iter().map(|row| gain(row, common)).collect()
}

fn gain(changes: &[Option<f64>], common: Option<Pooled>) -> Option<Gain> {
    let own = Estimate::of(changes.iter().copied().flatten())?;
    let Some(Pooled { variance, df }) = common else {
        let df = own.sd.map(|_| (own.n - 1) as f64);
        return Some(Gain { change: own, df, p: own.p(0.0), p_holm: None, call: Call::Unknown });
    };
    // A condition that varies more than the others would gain too much from their calm.
    let variance = own.sd.map_or(variance, |sd| variance.max(sd * sd));
    let se = (variance / own.n as f64).sqrt();
    let half = two_sided_quantile(0.05, df) * se;
    let (low, high) = (Some(own.mean - half), Some(own.mean + half));
    let change = Estimate { sd: Some(variance.sqrt()), low, high, ..own };
    Some(Gain { change, df: Some(df), p: Some(two_sided(own.mean / se, df)), p_holm: None, call: Call::Unknown })
}

/// The variance inside conditions, pooled. Conditions share their repeats, so its degrees of freedom lie between R − 1
/// and C (R − 1), by Satterthwaite's formula for `V = (MS_repeats + (C − 1) s²) / C`. `None` if a change is missing.
fn pooled(changes: &[Vec<Option<f64>>]) -> Option<Pooled> {
    let table: Vec<Vec<f64>> = changes.iter().map(|row| row.iter().copied().collect()).collect::<Option<_>>()?;
    let (conditions, repeats) = (table.len(), table.first()?.len());
    if conditions < 2 || repeats < 2 || table.iter().any(|row| row.len() != repeats) {
        return None;
    }
    let mean = |v: &mut dyn Iterator<Item = f64>, n: usize| v.sum::<f64>() / n as f64;
    let of_condition: Vec<f64> = table.iter().map(|row| mean(&mut row.iter().copied(), repeats)).collect();
    let of_repeat: Vec<f64> = (0..repeats).map(|r| mean(&mut table.iter().map(|row| row[r]), conditions)).collect();
    let all = mean(&mut of_repeat.iter().copied(), repeats);
    let between: f64 = of_repeat.iter().map(|m| (m - all) * (m - all)).sum();
    let rest = |c: usize, r: usize| table[c][r] - of_condition[c] - of_repeat[r] + all;
    let squares: f64 =
        (0..conditions).flat_map(|c| (0..repeats).map(move |r| (c, r))).map(|(c, r)| rest(c, r).powi(2)).sum();
    let (c, r) = (conditions as f64, repeats as f64);
    let (of_repeats, noise) = (c * between / (r - 1.0), squares / ((c - 1.0) * (r - 1.0)));
    let sum = of_repeats + (c - 1.0) * noise;
    if sum <= 0.0 {
        return None;
    }
    let df = sum * sum * (r - 1.0) / (of_repeats * of_repeats + (c - 1.0) * noise * noise);
    Some(Pooled { variance: sum / c, df })
}
