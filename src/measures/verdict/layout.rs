//! The two-way layout: a score is the sum of what its condition does, what its repeat does, and noise.
//!
//! `y[c][r] = a[c] + b[r] + e[c][r]`, by least squares on the trainings that are there. With all trainings there,
//! `a[c] − a[d]` is the difference of the two means and the noise is `s² = Σ e² / ((C − 1)(R − 1))`.

/// Scores by condition and repeat.
pub(super) type Table = Vec<Vec<Option<f64>>>;

/// The fitted layout.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// `a[c]` up to a constant in each group of conditions; `None` for a condition without a score.
    effects: Vec<Option<f64>>,
    /// Conditions of one group share repeats, directly or by way of others; only these can be compared.
    groups: Vec<usize>,
    /// The covariance of the effects, divided by `s²`; zero in the row and column of each group's first condition.
    covariance: Vec<Vec<f64>>,
    /// Residual variance; `None` without degrees of freedom.
    pub(super) variance: Option<f64>,
    /// Degrees of freedom of the residuals.
    pub(super) df: usize,
}

impl Layout {
    /// Least squares on the scores that are there.
    pub(super) fn fit(table: &Table) -> Self {
        let conditions = table.len();
        let repeats = table.first().map_or(0, Vec::len);
        let present = |r: usize| table.iter().enumerate().filter_map(move |(c, row)| Some((c, row[r]?)));
        // The repeats are eliminated first: what is left are equations for the conditions alone.
        let mut matrix = vec![vec![0.0; conditions]; conditions];
        let mut right = vec![0.0; conditions];
        for r in 0..repeats {
            let k = present(r).count() as f64;
            let mean = present(r).map(|(_, y)| y).sum::<f64>() / k;
            for (c, y) in present(r) {
                right[c] += y - mean;
                matrix[c][c] += 1.0;
                for (d, _) in present(r) {
                    matrix[c][d] -= 1.0 / k;
                }
            }
        }
        let groups = groups(table);
        // In each group the first condition is the zero: its equation follows from the others.
        let first = |c: usize| groups[..c].iter().all(|g| *g != groups[c]);
        let free: Vec<usize> = (0..conditions).filter(|c| !first(*c)).collect();
        let small: Vec<Vec<f64>> = free.iter().map(|c| free.iter().map(|d| matrix[*c][*d]).collect()).collect();
        let inverse = invert(small);
        let mut effects: Vec<Option<f64>> =
            table.iter().map(|row| row.iter().any(Option::is_some).then_some(0.0)).collect();
        let mut covariance = vec![vec![0.0; conditions]; conditions];
        for (i, c) in free.iter().enumerate() {
            for (j, d) in free.iter().enumerate() {
                covariance[*c][*d] = inverse[i][j];
            }
            effects[*c] = Some(free.iter().enumerate().map(|(j, d)| inverse[i][j] * right[*d]).sum());
        }
        let (mut squares, mut scores, mut used_repeats) = (0.0, 0usize, 0usize);
        for r in 0..repeats {
            let rest = || present(r).map(|(c, y)| y - effects[c].unwrap_or(0.0));
            let k = rest().count();
            let mean = rest().sum::<f64>() / k as f64;
            squares += rest().map(|e| (e - mean) * (e - mean)).sum::<f64>();
            scores += k;
            used_repeats += usize::from(k > 0);
        }
        let df = scores - used_repeats - free.len();
        let variance = (df > 0).then(|| squares / df as f64);
        Self { effects, groups, covariance, variance, df }
    }

    /// `Σ w[c] a[c]` and its variance divided by `s²`. `None` if the scores that are there do not determine it.
    pub(super) fn contrast(&self, weights: &[f64]) -> Option<(f64, f64)> {
        let used = || weights.iter().enumerate().filter(|(_, w)| **w != 0.0);
        let mut sums = vec![0.0; self.groups.len()];
        let mut estimate = 0.0;
        for (c, w) in used() {
            estimate += w * self.effects[c]?;
            sums[self.groups[c]] += w;
        }
        if sums.iter().any(|sum| sum.abs() > 1e-9) {
            return None;
        }
        let variance = used().flat_map(|(c, w)| used().map(move |(d, v)| w * v * self.covariance[c][d])).sum();
        Some((estimate, variance))
    }
}

/// For each condition the smallest index of a condition that it shares repeats with, directly or by way of others.
fn groups(table: &Table) -> Vec<usize> {
    let mut group: Vec<usize> = (0..table.len()).collect();
    for r in 0..table.first().map_or(0, Vec::len) {
        let here: Vec<usize> = (0..table.len()).filter(|c| table[*c][r].is_some()).map(|c| group[c]).collect();
        if let Some(lowest) = here.iter().min().copied() {
            group.iter_mut().filter(|g| here.contains(g)).for_each(|g| *g = lowest);
        }
    }
    group
}

/// The inverse of a symmetric positive definite matrix, by Gauss and Jordan. No pivoting is needed for these.
fn invert(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for i in 0..n {
        let pivot = matrix[i][i];
        matrix[i].iter_mut().for_each(|v| *v /= pivot);
        let row = matrix[i].clone();
        for (j, other) in matrix.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            debug_assert_ne!(i, j);
            let factor = other[i];
            other.iter_mut().zip(&row).for_each(|(v, u)| *v -= factor * u);
        }
    }
    matrix.into_iter().map(|row| row[n..].to_vec()).collect()
}
