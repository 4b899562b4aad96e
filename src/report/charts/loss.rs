//! `loss.png`: the training loss of every cell.

use crate::report::data::StudyData;
use crate::report::error::ReportError;
use crate::report::style::chart::{Curve, Figure, GREY, Look, Panel, line};

use super::look::{COLOURS, MAX_PANELS, many, panel_title};

/// The training loss of every cell: raw and smoothed, the other cells in grey behind. `None` without data.
pub(crate) fn loss(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let raw: Vec<(String, Vec<(f64, f64)>)> = data
        .cells
        .iter()
        .map(|c| (panel_title(data, c, c.loss.rows.is_empty()), c.loss.points("step", "instance_loss", |_| true)))
        .collect();
    let smooth: Vec<Vec<(f64, f64)>> = raw.iter().map(|(_, p)| zero_phase_average(p)).collect();
    let thick = |i: usize| line(COLOURS[i % COLOURS.len()], 2.4);
    let mut legend = Vec::new();
    let panels = if raw.len() <= MAX_PANELS {
        let thin = |i: usize| Look { opacity: 0.22, width: 1.0, ..thick(i) };
        let behind = Look { opacity: 0.35, ..line(GREY, 1.2) };
        legend.push(("each step".to_owned(), thin(0)));
        legend.push(("smoothed".to_owned(), thick(0)));
        if raw.len() > 1 {
            legend.push(("smoothed, other cells".to_owned(), behind));
        }
        let panel = |i: usize, title: &str, points: &[(f64, f64)]| {
            let others = smooth.iter().enumerate().filter(|(j, _)| *j != i);
            let mut curves: Vec<Curve> = others.map(|(_, p)| Curve { points: p.clone(), look: behind }).collect();
            curves.push(Curve { points: points.to_vec(), look: thin(i) });
            curves.push(Curve { points: smooth[i].clone(), look: thick(i) });
            Panel { title: title.to_owned(), curves }
        };
        raw.iter().enumerate().map(|(i, (title, points))| panel(i, title, points)).collect()
    } else {
        let curves = smooth.iter().enumerate().map(|(i, p)| Curve { points: p.clone(), look: many(i) });
        vec![Panel { title: format!("{} cells, smoothed", raw.len()), curves: curves.collect() }]
    };
    let all = || raw.iter().flat_map(|(_, p)| p);
    let top = percentile(all(), 0.98);
    let cut = all().any(|p| p.1 > top);
    Figure {
        name: "loss.png",
        title: format!(
            "Training loss on the photos{}",
            if cut { " (the highest values are above the edge)" } else { "" }
        ),
        x_label: "step".into(),
        y_label: "loss",
        y: (0.0, top),
        panels,
        legend,
    }
    .draw()
}

/// A little above the value below which a share of the points lies; 1 if that is not above 0.
fn percentile<'p>(points: impl Iterator<Item = &'p (f64, f64)>, share: f64) -> f64 {
    let mut ys: Vec<f64> = points.map(|p| p.1).collect();
    ys.sort_by(f64::total_cmp);
    let last = ys.len().saturating_sub(1);
    let v = ys.get((last as f64 * share).round() as usize).copied().unwrap_or(1.0);
    if v > 0.0 { v * 1.05 } else { 1.0 }
}

/// An exponential average run forward and then backward, so that the smooth line does not lag.
fn zero_phase_average(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
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
}
