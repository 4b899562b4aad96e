//! Contrasts of conditions, with the noise that fits the study.

use serde::Serialize;

use super::estimate::Estimate;
use super::layout::{Layout, Table};
use super::student::two_sided_quantile;
use super::variances::Variances;

/// How conditions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// There is no score.
    Nothing,
    /// There is one condition.
    OneCondition,
    /// No condition has enough trainings to say how much a training varies.
    OneTraining,
    /// Trainings with other seeds came out equal to the last digit, so there is no noise to compare with.
    NoNoise,
    /// By the noise of all conditions together.
    Pooled,
}

/// Everything that a contrast needs.
pub(super) struct Comparison {
    table: Table,
    pub(super) layout: Layout,
    pub(super) method: Method,
    pub(super) variances: Option<Variances>,
}

/// A weighted sum of conditions whose weights add up to zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contrast {
    pub(super) estimate: f64,
    /// Standard error and degrees of freedom; `None` where there is no noise to compute them from.
    pub(super) error: Option<(f64, usize)>,
}

impl Comparison {
    pub(super) fn new(table: Table) -> Self {
        let layout = Layout::fit(&table);
        let variances = Variances::of(&table);
        let scores = || table.iter().flatten().flatten();
        let largest = scores().map(|y| y.abs()).fold(0.0, f64::max);
        let method = match (table.iter().filter(|row| row.iter().any(Option::is_some)).count(), layout.variance) {
            (0, _) => Method::Nothing,
            (1, _) => Method::OneCondition,
            (_, None) => Method::OneTraining,
            (_, Some(variance)) if variance.sqrt() <= 1e-9 * largest => Method::NoNoise,
            _ => Method::Pooled,
        };
        Self { table, layout, method, variances }
    }

    /// The sum of `weights[c]` × condition c; the weights add up to zero. `None` if it cannot be computed.
    pub(super) fn contrast(&self, weights: &[f64]) -> Option<Contrast> {
        let (estimate, factor) = self.layout.contrast(weights)?;
        let variance = self.layout.variance.filter(|_| self.method == Method::Pooled).map(|variance| {
            let pooled = variance * factor;
            self.own_variance(weights).map_or(pooled, |own| pooled.max((pooled * own).sqrt()))
        });
        Some(Contrast { estimate, error: variance.map(|variance| (variance.sqrt(), self.layout.df)) })
    }

    /// The variance of the contrast, from its own values inside the repeats that have all its conditions; `None` with
    /// fewer than two such repeats. Conditions that vary more than the others show here.
    fn own_variance(&self, weights: &[f64]) -> Option<f64> {
        let repeats = self.table.first().map_or(0, Vec::len);
        let inside = |r: usize| -> Option<f64> {
            let used = weights.iter().zip(&self.table).filter(|(w, _)| **w != 0.0);
            used.map(|(w, row)| row[r].map(|y| w * y)).sum()
        };
        let all = Estimate::of((0..repeats).filter_map(inside))?;
        Some(all.sd? * all.sd? / all.n as f64)
    }

    /// The weights of a difference of two conditions.
    pub(super) fn pair(&self, first: usize, second: usize) -> Vec<f64> {
        let mut weights = vec![0.0; self.table.len()];
        weights[first] = 1.0;
        weights[second] = -1.0;
        weights
    }
}

impl Contrast {
    /// Half the width of the interval that misses the truth with chance `p` on both sides together.
    pub(super) fn half_width(&self, p: f64) -> Option<f64> {
        self.error.map(|(se, df)| two_sided_quantile(p, df as f64) * se)
    }
}
