//! Timesteps and noise levels. Arithmetic is numpy's, in f64, where diffusers uses numpy.

use crate::sampling::schedule::{FinalSigma, NoiseSchedule, TimestepSpacing};

/// The timesteps of the model calls and the noise levels between them (one more).
pub(super) struct Grid {
    pub(super) timesteps: Vec<f32>,
    pub(super) sigmas: Vec<f32>,
}

/// The model's spacing or the sampler's own default.
pub(super) fn spacing(schedule: &NoiseSchedule, default: TimestepSpacing) -> TimestepSpacing {
    schedule.sampler().timestep_spacing.unwrap_or(default)
}

/// `numpy.linspace(0, last, count)`.
pub(super) fn linspace(last: f64, count: usize) -> Vec<f64> {
    let step = last / (count.max(2) - 1) as f64;
    let mut values: Vec<f64> = (0..count).map(|i| i as f64 * step).collect();
    if count > 1 {
        values[count - 1] = last;
    }
    values
}

/// `numpy.arange(total, 0, -total / steps).round() − 1`: trailing timesteps, descending. For some counts, such as 61 of
/// 1000, rounding gives numpy one timestep more, −1; it is left out here.
pub(super) fn trailing(total: usize, steps: usize) -> Vec<f64> {
    let start = total as f64;
    let ratio = start / steps as f64;
    // numpy fills an arange from its first two values
    let delta = (start - ratio) - start;
    let count = (start / ratio).ceil() as usize;
    (0..count.min(steps)).map(|i| (start + i as f64 * delta).round_ties_even() - 1.0).collect()
}

/// `count` multiples of `ratio` plus the model's offset, descending.
pub(super) fn leading(schedule: &NoiseSchedule, ratio: usize, count: usize) -> Vec<f64> {
    (0..count).rev().map(|i| (i * ratio + schedule.sampler().steps_offset) as f64).collect()
}

/// The noise levels of the timesteps and the last noise level, as f32.
pub(super) fn interpolate(schedule: &NoiseSchedule, timesteps: &[f64]) -> Vec<f32> {
    let mut levels = levels(&schedule.sigmas(), timesteps);
    levels.push(last_sigma(schedule));
    levels
}

/// `numpy.interp(timesteps, 0..n, sigmas)`, as f32.
fn levels(sigmas: &[f32], timesteps: &[f64]) -> Vec<f32> {
    timesteps.iter().map(|t| level(sigmas, *t) as f32).collect()
}

/// `numpy.interp(t, 0..n, sigmas)`.
pub(super) fn level(sigmas: &[f32], t: f64) -> f64 {
    let last = sigmas.len() - 1;
    let low = t.floor().clamp(0.0, last as f64);
    let index = low as usize;
    if index == last {
        return f64::from(sigmas[last]);
    }
    let (from, to) = (f64::from(sigmas[index]), f64::from(sigmas[index + 1]));
    (to - from) * (t.max(0.0) - low) + from
}

/// σ_max, or √(σ_max² + 1) where the first timestep is not the last training timestep.
pub(super) fn init_noise_sigma(schedule: &NoiseSchedule, sigmas: &[f32]) -> f32 {
    let max = sigmas.iter().copied().fold(0.0, f32::max);
    match spacing(schedule, TimestepSpacing::Linspace) {
        TimestepSpacing::Leading => (max * max + 1.0).sqrt(),
        TimestepSpacing::Trailing | TimestepSpacing::Linspace => max,
    }
}

/// The noise level after the last step.
pub(super) fn last_sigma(schedule: &NoiseSchedule) -> f32 {
    match schedule.sampler().final_sigma {
        FinalSigma::Zero => 0.0,
        FinalSigma::SigmaMin => schedule.sigmas().first().copied().unwrap_or(0.0),
    }
}

/// The timestep of a noise level, linear in log σ. `logs` ascends.
pub(super) fn timestep_of(sigma: f64, logs: &[f32]) -> f64 {
    let log = sigma.max(1e-10).ln();
    let low = logs.partition_point(|l| log - f64::from(*l) >= 0.0).saturating_sub(1).min(logs.len() - 2);
    let (from, to) = (f64::from(logs[low]), f64::from(logs[low + 1]));
    let weight = ((from - log) / (from - to)).clamp(0.0, 1.0);
    (1.0 - weight) * low as f64 + weight * (low + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_uses_a_float_ratio() {
        // candle 0.11 gives 31 timesteps here, from an integer ratio
        let thirty = trailing(1000, 30);
        assert_eq!(thirty.len(), 30);
        assert_eq!(thirty[..3], [999.0, 966.0, 932.0]);
        assert_eq!(thirty[28..], [66.0, 32.0]);
        for steps in 1..=1000 {
            let timesteps = trailing(1000, steps);
            assert!(timesteps.len() == steps && timesteps[steps - 1] >= 0.0, "{steps}");
        }
    }
}
