//! What a training has shown until a rung: its loss on held-out photos.

use serde::{Deserialize, Serialize};

use crate::records::rows::{ProbeRow, Split};

/// The loss on held-out photos by optimizer step, in ascending order; step 0 is the base model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(Vec<(u64, f64)>);

/// What a training has shown at a rung.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The loss of the base model.
    pub base: f64,
    /// The loss after half of the rung's steps, or the last one measured before.
    pub before: f64,
    /// The loss at the rung.
    pub at: f64,
    /// The loss at the end if it goes on to change as much with each doubling of the steps.
    pub projected: f64,
}

impl Curve {
    /// The curve in the rows of `probe.csv`.
    #[must_use]
    pub fn of(rows: &[ProbeRow]) -> Self {
        Self(rows.iter().filter(|row| row.split == Split::HeldOut).map(|row| (row.step, row.loss)).collect())
    }

    /// A curve of these values.
    #[must_use]
    pub fn new(points: Vec<(u64, f64)>) -> Self {
        Self(points)
    }

    /// What it shows at a rung, of a training of so many steps; `None` if it has not come so far. Only what was measured
    /// until the rung counts.
    #[must_use]
    pub fn at(&self, rung: u64, steps: u64) -> Option<Progress> {
        let last = |until: u64| self.0.iter().rev().find(|(step, _)| *step <= until).copied();
        let (_, base) = self.0.first().filter(|(step, _)| *step == 0)?;
        let (_, at) = last(rung).filter(|(step, _)| *step == rung)?;
        let (half, before) = last(rung / 2)?;
        let projected = if half == 0 || half == rung {
            at
        } else {
            let doublings = |from: u64, to: u64| libm::log2(to as f64 / from as f64);
            at + (at - before) / doublings(half, rung) * doublings(rung, steps)
        };
        Some(Progress { base: *base, before, at, projected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_sees_only_what_came_before_it() {
        let curve = Curve::new(vec![(0, 1.0), (50, 0.8), (100, 0.7), (200, 0.1)]);
        let at = curve.at(100, 400).unwrap();
        assert_eq!((at.base, at.before, at.at), (1.0, 0.8, 0.7));
        // 0.1 less with each doubling; two are left.
        assert!((at.projected - 0.5).abs() < 1e-12);
        assert_eq!(
            curve.at(50, 400).unwrap().projected,
            0.8,
            "nothing was measured between the base model and step 50"
        );
        assert_eq!(curve.at(75, 400), None);
        assert_eq!(Curve::default().at(50, 400), None);
    }

    #[test]
    fn only_held_out_photos_count() {
        let row = |step, split, loss| ProbeRow { step, split, loss };
        let rows = [row(0, Split::Train, 9.0), row(0, Split::HeldOut, 1.0), row(5, Split::HeldOut, 0.5)];
        assert_eq!(Curve::of(&rows), Curve::new(vec![(0, 1.0), (5, 0.5)]));
    }
}
