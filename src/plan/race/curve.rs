//! What a training has shown until a rung: its loss on held-out photos.

use serde::{Deserialize, Serialize};

use crate::choice::RaceMeasure;
use crate::records::rows::{BandRow, ProbeRow, Split};

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
    /// The loss at the end if it goes on as it did with the last doubling of its steps.
    pub projected: f64,
}

impl Curve {
    /// The curve in the rows of `probe.csv`.
    #[must_use]
    pub fn of(rows: &[ProbeRow]) -> Self {
        Self(rows.iter().filter(|row| row.split == Split::HeldOut).map(|row| (row.step, row.loss)).collect())
    }

    /// The curve of a measure in the rows of `probe_bands.csv`; `None` if it is not one of a third of the times.
    #[must_use]
    pub fn of_bands(rows: &[BandRow], measure: RaceMeasure) -> Option<Self> {
        let loss: fn(&BandRow) -> Option<f64> = match measure {
            RaceMeasure::HeldOutLoss => return None,
            RaceMeasure::LittleNoise => |row| row.low,
            RaceMeasure::MiddleNoise => |row| row.middle,
            RaceMeasure::MuchNoise => |row| row.high,
        };
        let own = rows.iter().filter(|row| row.split == Split::HeldOut);
        Some(Self(own.filter_map(|row| Some((row.step, loss(row)?))).collect()))
    }

    /// A curve of these values.
    #[must_use]
    pub fn new(points: Vec<(u64, f64)>) -> Self {
        Self(points)
    }

    /// What it shows at a rung, of a training of so many steps; `None` if it has not come so far. Only what was
    /// measured until the rung counts.
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
            project([base - before, base - at], doublings(half, rung), doublings(rung, steps))
                .map_or(at, |gain| base - gain)
        };
        Some(Progress { base: *base, before, at, projected })
    }
}

/// The gain at the end, from those at half of the rung and at the rung, so many doublings apart; `left` doublings are
/// left. A gain grows by the same factor with each doubling, at most by 2, as early parts of learning curves do. Where
/// nothing is gained yet it changes by the same difference. `None` if that is no number.
fn project([before, at]: [f64; 2], apart: f64, left: f64) -> Option<f64> {
    let gain = if at > 0.0 {
        let factor = if before > 0.0 { libm::pow(at / before, 1.0 / apart).min(2.0) } else { 2.0 };
        at * libm::pow(factor, left)
    } else {
        at + (at - before) / apart * left
    };
    gain.is_finite().then_some(gain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_sees_only_what_came_before_it() {
        let curve = Curve::new(vec![(0, 1.0), (50, 0.8), (100, 0.7), (200, 0.1)]);
        let at = curve.at(100, 400).unwrap();
        assert_eq!((at.base, at.before, at.at), (1.0, 0.8, 0.7));
        // The gain grew from 0.2 to 0.3; two doublings are left.
        assert!((at.projected - (1.0 - 0.3 * 1.5 * 1.5)).abs() < 1e-12);
        assert_eq!(
            curve.at(50, 400).unwrap().projected,
            0.8,
            "nothing was measured between the base model and step 50"
        );
        assert_eq!(curve.at(75, 400), None);
        assert_eq!(Curve::default().at(50, 400), None);
    }

    #[test]
    fn gains_grow_by_a_factor_of_two_at_most() {
        let projected =
            |before: f64, at: f64| Curve::new(vec![(0, 1.0), (50, before), (100, at)]).at(100, 200).unwrap().projected;
        assert_eq!(projected(0.99, 0.9), 0.8, "not ten times as much");
        assert_eq!(projected(1.1, 0.9), 0.8);
        assert!((projected(1.2, 1.1) - 1.0).abs() < 1e-12, "0.1 less once more");
        assert!((projected(1.0, 1.1) - 1.2).abs() < 1e-12);
        assert!((projected(0.8, 0.9) - 0.95).abs() < 1e-12, "half of the gain is lost once more");
    }

    #[test]
    fn only_held_out_photos_count() {
        let row = |step, split, loss| ProbeRow { step, split, loss };
        let rows = [row(0, Split::Train, 9.0), row(0, Split::HeldOut, 1.0), row(5, Split::HeldOut, 0.5)];
        assert_eq!(Curve::of(&rows), Curve::new(vec![(0, 1.0), (5, 0.5)]));
        let row = |step, split, high| BandRow { step, split, low: Some(7.0), middle: None, high };
        let rows = [row(0, Split::Train, None), row(0, Split::HeldOut, Some(1.0)), row(5, Split::HeldOut, None)];
        let of = |measure| Curve::of_bands(&rows, measure);
        assert_eq!(of(RaceMeasure::MuchNoise), Some(Curve::new(vec![(0, 1.0)])));
        assert_eq!(of(RaceMeasure::LittleNoise), Some(Curve::new(vec![(0, 7.0), (5, 7.0)])));
        assert_eq!((of(RaceMeasure::MiddleNoise), of(RaceMeasure::HeldOutLoss)), (Some(Curve::default()), None));
    }
}
