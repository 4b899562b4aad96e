//! The chance to see a difference that is there.

use super::student::{normal, two_sided_quantile};

/// The chance that a t-test of level `alpha` (two sides) sees a difference of `ncp` standard errors, with `df` degrees
/// of freedom: the tails of the noncentral t distribution, `∫ Φ(ncp − t u) + Φ(−ncp − t u) f(u) du`, where `u` is the
/// standard error found, divided by the true one, and `df u²` has the χ² distribution. By Simpson's rule.
pub(super) fn power(ncp: f64, df: usize, alpha: f64) -> f64 {
    const STEPS: usize = 600;
    let df = df as f64;
    let t = two_sided_quantile(alpha, df);
    // The density of u; beyond these ends less than 1e-12 of it is left.
    let log_scale = std::f64::consts::LN_2 + 0.5 * df * (0.5 * df).ln() - libm::lgamma(0.5 * df);
    let density = |u: f64| match u {
        0.0 if df == 1.0 => log_scale.exp(),
        0.0 => 0.0,
        u => (log_scale + (df - 1.0) * u.ln() - 0.5 * df * u * u).exp(),
    };
    let (low, high) = ((1.0 - 8.0 / (2.0 * df).sqrt()).max(0.0), 1.0 + 8.0 / (2.0 * df).sqrt());
    let step = (high - low) / STEPS as f64;
    let at = |i: usize| {
        let u = low + step * i as f64;
        let weight = match i {
            0 | STEPS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * density(u) * (normal(ncp - t * u) + normal(-ncp - t * u))
    };
    ((0..=STEPS).map(at).sum::<f64>() * step / 3.0).clamp(0.0, 1.0)
}
