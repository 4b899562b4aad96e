//! How sure the score of one training is, given few photos and prompts.

use super::estimate::Estimate;
use super::student::{normal, two_sided_quantile};
use crate::measures::quantile::quantile;
use crate::measures::random::Random;

/// So many times the photos and prompts are drawn anew.
const DRAWS: usize = 2000;
/// The seed of the drawing.
const SEED: u64 = 9;

/// The mean of a table and its 95 % interval when whole rows (prompts) and whole columns (photos) are drawn anew, with
/// replacement. `table` has one row for each prompt and one column for each photo, all of equal length; a single row or
/// column is not drawn. For a difference of two models on the same noise the table holds the differences.
///
/// With few photos the usual percentiles are too near to each other. As Hesterberg 2015 ("What teachers should know
/// about the bootstrap", expanded percentile interval) they are taken further out: at `Φ(−t √(n / (n − 1)))` with the
/// 97.5 % point of t with n − 1 degrees of freedom, where n is the smaller number of rows and columns that are drawn.
/// `None` if the table is empty, not a rectangle, or holds something that is not a number.
#[must_use]
pub fn bootstrap(table: &[Vec<f64>]) -> Option<Estimate> {
    bootstrap_of(&[table], |means| means.first().copied())
}

/// The same of a number that comes from the means of several tables, such as a share. The tables have the same columns,
/// which are drawn once for all of them; the rows of each are drawn for themselves. `None` also if the number is not
/// defined for the tables, or for one of the draws.
#[must_use]
pub fn bootstrap_of(tables: &[&[Vec<f64>]], number: impl Fn(&[f64]) -> Option<f64>) -> Option<Estimate> {
    let columns = tables.first()?.first()?.len();
    let whole = |row: &Vec<f64>| row.len() == columns && row.iter().all(|v| v.is_finite());
    if columns == 0 || tables.iter().any(|table| table.is_empty() || !table.iter().all(whole)) {
        return None;
    }
    let all = |n: usize| (0..n).collect::<Vec<usize>>();
    let mean_of = |table: &[Vec<f64>], rows: &[usize], columns: &[usize]| {
        let sum: f64 = rows.iter().map(|r| columns.iter().map(|c| table[*r][*c]).sum::<f64>()).sum();
        sum / (rows.len() * columns.len()) as f64
    };
    let mean = number(&tables.iter().map(|t| mean_of(t, &all(t.len()), &all(columns))).collect::<Vec<_>>())?;
    let rows = tables.iter().map(|table| table.len());
    let n = rows.chain([columns]).filter(|n| *n > 1).min().unwrap_or(1);
    if n < 2 {
        return Some(Estimate { n, mean, sd: None, low: None, high: None });
    }
    let mut random = Random::new(SEED);
    let mut draw = |n: usize| -> Vec<usize> { (0..n).map(|_| if n > 1 { random.below(n) } else { 0 }).collect() };
    let draws = (0..DRAWS).map(|_| {
        let rows: Vec<Vec<usize>> = tables.iter().map(|table| draw(table.len())).collect();
        let columns = draw(columns);
        number(&tables.iter().zip(&rows).map(|(table, rows)| mean_of(table, rows, &columns)).collect::<Vec<_>>())
    });
    let mut means = draws.collect::<Option<Vec<f64>>>()?;
    means.sort_by(f64::total_cmp);
    let t = two_sided_quantile(0.05, (n - 1) as f64);
    let tail = normal(-t * (n as f64 / (n - 1) as f64).sqrt());
    let sd = Estimate::of(means.iter().copied()).and_then(|e| e.sd);
    Some(Estimate { n, mean, sd, low: quantile(&means, tail), high: quantile(&means, 1.0 - tail) })
}
