//! Noise levels that are not those of the timesteps, and the timesteps nearest to them. Arithmetic is numpy's, in f64.

use super::grid::{self, Grid, level, linspace, timestep_of};
use crate::choice::Sigmas;
use crate::sampling::schedule::NoiseSchedule;

/// ρ of Karras et al. 2022, [arXiv 2206.00364](https://arxiv.org/abs/2206.00364), eq. 5.
const RHO: f64 = 7.0;
/// α and β of the distribution of [arXiv 2407.12173](https://arxiv.org/abs/2407.12173).
const ALPHA: f64 = 0.6;

/// `count` levels from `max` down to `min`; `None` for those of the timesteps.
fn between(sigmas: Sigmas, max: f64, min: f64, count: usize) -> Option<Vec<f64>> {
    let ramp = linspace(1.0, count).into_iter();
    match sigmas {
        Sigmas::Model => None,
        Sigmas::Karras => {
            let (max, min) = (max.powf(1.0 / RHO), min.powf(1.0 / RHO));
            Some(ramp.map(|ramp| (max + ramp * (min - max)).powf(RHO)).collect())
        }
        Sigmas::Exponential => {
            let (max, min) = (max.ln(), min.ln());
            Some(linspace(min - max, count).into_iter().map(|way| (max + way).exp()).collect())
        }
        Sigmas::Beta => Some(ramp.map(|ramp| min + quantile(1.0 - ramp) * (max - min)).collect()),
    }
}

/// Timesteps and levels of the solvers that lay their levels out on the whole range of the model. Their timesteps are
/// whole: those of Karras' levels are rounded where `rounded` says so, all others are cut. `None` for the levels of the
/// timesteps.
pub(super) fn of_the_whole_range(
    schedule: &NoiseSchedule,
    sigmas: Sigmas,
    steps: usize,
    rounded: bool,
) -> Option<Grid> {
    let known = schedule.sigmas();
    let levels = between(sigmas, f64::from(*known.last()?), f64::from(*known.first()?), steps)?;
    let whole = |t: f64| if sigmas == Sigmas::Karras && rounded { t.round_ties_even() } else { t.trunc() };
    let timesteps = timesteps(&known, &levels).into_iter().map(|t| whole(t) as f32).collect();
    let sigmas = levels.into_iter().map(|sigma| sigma as f32).chain([grid::last_sigma(schedule)]).collect();
    Some(Grid { timesteps, sigmas })
}

/// Timesteps and levels, both in f64, of the methods whose levels reach from that of the first timestep to that of the
/// last. `known` are the levels of all training timesteps.
pub(super) fn of_timesteps(known: &[f32], sigmas: Sigmas, steps: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let levels: Vec<f64> = steps.iter().map(|t| level(known, *t)).collect();
    let ends = levels.first().zip(levels.last());
    match ends.and_then(|(max, min)| between(sigmas, *max, *min, levels.len())) {
        Some(levels) => (timesteps(known, &levels), levels),
        None => (steps, levels),
    }
}

/// The timesteps of noise levels; between training timesteps they are fractional.
fn timesteps(known: &[f32], levels: &[f64]) -> Vec<f64> {
    let logs: Vec<f32> = known.iter().map(|sigma| sigma.ln()).collect();
    levels.iter().map(|sigma| timestep_of(*sigma, &logs)).collect()
}

/// `scipy.stats.beta.ppf(q, 0.6, 0.6)`: the x below which a share `q` of the distribution lies.
fn quantile(q: f64) -> f64 {
    if q > 0.5 {
        // The distribution is symmetric.
        return 1.0 - quantile(1.0 - q);
    }
    // Half of the distribution lies below ½.
    let wanted = 2.0 * q * integral(0.5);
    // The integral grows ever more slowly: after one step Newton's method comes from below and does not overshoot.
    let mut x = (wanted * ALPHA).powf(1.0 / ALPHA).min(0.5);
    for _ in 0..50 {
        let density = (x * (1.0 - x)).powf(ALPHA - 1.0);
        let next = x - (integral(x) - wanted) / density;
        if next.is_nan() || next <= 0.0 || next == x {
            break;
        }
        x = next;
    }
    x
}

/// ∫₀ˣ (t·(1 − t))^(α−1) dt for 0 ≤ x ≤ ½, by the binomial series of (1 − t)^(α−1).
fn integral(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 0..60 {
        let n = f64::from(n);
        sum += term / (ALPHA + n);
        term *= (n + 1.0 - ALPHA) / (n + 1.0) * x;
    }
    x.powf(ALPHA) * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy 1.17.1: scipy.stats.beta.ppf(q, 0.6, 0.6)
        for (q, expected) in [
            (1e-12, 1.8558824624914097e-20),
            (0.001, 1.855873851745199e-05),
            (0.01, 0.0008612388215429059),
            (0.034482758620689655, 0.006768365908747951),
            (0.2, 0.12292175045833292),
            (0.37, 0.3227940020973615),
            (0.499, 0.49861275046460674),
            (0.6, 0.6372990092467856),
            (0.9, 0.9604155944112192),
            (0.9655172413793104, 0.993231634091252),
            (0.999, 0.9999814412614826),
        ] {
            assert!((quantile(q) - expected).abs() <= 1e-15, "{q}: {} instead of {expected}", quantile(q));
        }
        assert_eq!((quantile(0.0), quantile(0.5), quantile(1.0)), (0.0, 0.5, 1.0));
    }

    #[test]
    fn levels_fall_from_end_to_end() {
        for sigmas in [Sigmas::Karras, Sigmas::Exponential, Sigmas::Beta] {
            for count in [1, 2, 7, 1000] {
                let levels = between(sigmas, 14.6, 0.03, count).unwrap();
                assert_eq!(levels.len(), count);
                assert!((levels[0] - 14.6).abs() < 1e-12, "{sigmas} {count}: {}", levels[0]);
                assert!(levels.windows(2).all(|pair| pair[0] > pair[1]), "{sigmas} {count}");
                assert!(count == 1 || (levels[count - 1] - 0.03).abs() < 1e-12, "{sigmas} {count}");
            }
        }
    }
}
