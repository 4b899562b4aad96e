//! Whether the conditions vary alike.

use serde::Serialize;

use super::estimate::Estimate;
use super::layout::Table;
use super::student::f_tail;

/// Whether some conditions vary more than others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Variances {
    /// Largest variance of a condition's scores.
    pub largest: f64,
    /// Smallest variance of a condition's scores.
    pub smallest: f64,
    /// The chance, at most, of so large a ratio between any two conditions if all vary alike.
    pub p: f64,
}

impl Variances {
    pub(super) fn of(table: &Table) -> Option<Self> {
        let rows = table.iter().filter_map(|row| Estimate::of(row.iter().copied().flatten()));
        let rows: Vec<(f64, usize)> = rows.filter_map(|e| Some((e.sd? * e.sd?, e.n - 1))).collect();
        let largest = rows.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let smallest = rows.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0))?;
        if rows.len() < 2 || largest.0 <= 0.0 {
            return None;
        }
        let pairs = (rows.len() * (rows.len() - 1)) as f64;
        let tail = f_tail(largest.0 / smallest.0, largest.1 as f64, smallest.1 as f64);
        Some(Self { largest: largest.0, smallest: smallest.0, p: (pairs * tail).min(1.0) })
    }
}
