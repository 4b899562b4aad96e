//! What is done with the points of a line before it is drawn.

/// The share of the points that a chart of training losses must show; few steps are far above the others.
const SHOWN: f64 = 0.98;

/// A little above the value below which most of the points lie; 1 if that is not above 0.
pub(super) fn high<'p>(points: impl Iterator<Item = &'p (f64, f64)>) -> f64 {
    let mut ys: Vec<f64> = points.map(|p| p.1).collect();
    ys.sort_by(f64::total_cmp);
    let last = ys.len().saturating_sub(1);
    let v = ys.get((last as f64 * SHOWN).round() as usize).copied().unwrap_or(1.0);
    if v > 0.0 { v * 1.05 } else { 1.0 }
}

/// An exponential average run forward and then backward, so that the smooth line does not lag.
pub(super) fn zero_phase_average(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    // The window is a twentieth of the run: enough to see a trend, short enough to see it bend.
    let decay = (-1.0 / (points.len() as f64 / 20.0).max(2.0)).exp();
    let pass = |values: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut weight) = (0.0, 0.0);
        values
            .map(|v| {
                sum = sum * decay + v;
                weight = weight * decay + 1.0;
                sum / weight
            })
            .collect::<Vec<f64>>()
    };
    let forward = pass(&mut points.iter().map(|p| p.1));
    let mut both = pass(&mut forward.iter().rev().copied());
    both.reverse();
    points.iter().zip(both).map(|(p, y)| (p.0, y)).collect()
}

/// At most about `most` points in which every rise and fall can still be seen: of each stretch its lowest and its
/// highest one, and the two ends.
pub(super) fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = (points.len() * 2).div_ceil(most.max(2));
    let mut out = vec![*first];
    for part in points[1..points.len() - 1].chunks(stretch) {
        let by_height = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let (low, high) = ((0..part.len()).min_by(by_height), (0..part.len()).max_by(by_height));
        let mut kept: Vec<usize> = low.into_iter().chain(high).collect();
        kept.sort_unstable();
        kept.dedup();
        out.extend(kept.into_iter().map(|i| part[i]));
    }
    out.push(*last);
    out
}

/// The mean over several lines, at the places that all of them have.
pub(super) fn mean_line(lines: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let Some((first, others)) = lines.split_first() else { return Vec::new() };
    let at = |x: f64| {
        let found = others.iter().map(|line| line.iter().find(|p| p.0 == x).map(|p| p.1));
        found.collect::<Option<Vec<f64>>>()
    };
    let mean = |(x, y): &(f64, f64)| {
        let others = at(*x)?;
        Some((*x, (y + others.iter().sum::<f64>()) / (others.len() + 1) as f64))
    };
    first.iter().filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_neither_lags_nor_shifts() {
        let ramp: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(i))).collect();
        let smooth = zero_phase_average(&ramp);
        // Forward and backward lag cancel in the middle of a straight line.
        assert!((smooth[100].1 - 100.0).abs() < 0.2, "{:?}", smooth[100]);
        let flat: Vec<_> = (0..50).map(|i| (f64::from(i), 0.5)).collect();
        assert!(zero_phase_average(&flat).iter().all(|p| (p.1 - 0.5).abs() < 1e-12));
        assert_eq!(zero_phase_average(&[]), []);
    }

    #[test]
    fn thinning_keeps_the_ends_and_every_peak() {
        let mut points: Vec<_> = (0..1000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        (points[433].1, points[700].1) = (99.0, -99.0);
        let thin = thinned(&points, 100);
        assert!(thin.len() <= 102, "{}", thin.len());
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
        assert!(thin.contains(&points[433]) && thin.contains(&points[700]));
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!((thinned(&points[..1], 5), thinned(&[], 5)), (points[..1].to_vec(), Vec::new()));
    }

    #[test]
    fn a_mean_has_only_places_of_all_lines() {
        let lines = [vec![(0.0, 1.0), (5.0, 2.0), (9.0, 4.0)], vec![(0.0, 3.0), (9.0, 0.0)]];
        assert_eq!(mean_line(&lines), [(0.0, 2.0), (9.0, 2.0)]);
        assert_eq!(mean_line(&[]), []);
    }
}
