//! Welch's t-test: do the means of two groups differ?

use serde::{Deserialize, Serialize};

use super::MetricError;
use super::error::check;
use super::summary::{mean, variance};

/// The result of [`welch`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welch {
    /// mean(a) − mean(b), in units of its standard error.
    pub t: f64,
    /// Degrees of freedom (Welch–Satterthwaite).
    pub df: f64,
    /// Two-sided p-value, 0..=1: how often chance alone gives a |t| at least as large.
    pub p: f64,
}

/// Welch's t-test of two independent groups of at least two numbers each, which may differ in spread.
///
/// `t = (m_a − m_b) / sqrt(v_a/n_a + v_b/n_b)`, `df = (v_a/n_a + v_b/n_b)² / ((v_a/n_a)²/(n_a−1) + (v_b/n_b)²/(n_b−1))`.
/// B. L. Welch, *The generalization of 'Student's' problem …*, Biometrika 34, 1947. Equals
/// `scipy.stats.ttest_ind(a, b, equal_var=False)`.
pub fn welch(a: &[f64], b: &[f64]) -> Result<Welch, MetricError> {
    check(a, 2)?;
    check(b, 2)?;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let (va, vb) = (variance(a, mean_a) / na, variance(b, mean_b) / nb);
    let t = (mean_a - mean_b) / (va + vb).sqrt();
    let df = (va + vb).powi(2) / (va.powi(2) / (na - 1.0) + vb.powi(2) / (nb - 1.0));
    if !t.is_finite() || !df.is_finite() {
        return Err(MetricError::NoSpread);
    }
    // P(|T| ≥ |t|) = I_x(df/2, 1/2), x = df / (df + t²). Abramowitz & Stegun 26.5.27.
    Ok(Welch { t, df, p: incomplete_beta(df / 2.0, 0.5, df / (df + t * t)) })
}

/// Regularised incomplete beta function I_x(a, b), 0 ≤ x ≤ 1.
///
/// Continued fraction DLMF 8.17.22 (<https://dlmf.nist.gov/8.17#E22>) by Lentz's method, on the side of the mean where it
/// converges fast.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let tiny = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / tiny(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / tiny(1.0 + term * d);
            c = tiny(1.0 + term / c);
            factor = c * d;
            fraction *= factor;
        }
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// ln Γ(x) for x > 0, relative error about 1e-15. C. Lanczos, 1964; coefficients for g = 7, n = 9 (P. Godfrey).
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C[1..].iter().zip(1..).fold(C[0], |sum, (c, i)| sum + c / (x + f64::from(i)));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_beta_function() {
        // I_x(1, 1) = x; I_x(a, b) = 1 − I_{1−x}(b, a); I_0.5(a, a) = 0.5
        for x in [0.0, 0.1, 0.5, 0.99, 1.0] {
            assert!((incomplete_beta(1.0, 1.0, x) - x).abs() < 1e-14);
        }
        for a in [0.5, 3.0, 40.0] {
            assert!((incomplete_beta(a, a, 0.5) - 0.5).abs() < 1e-13, "{a}");
        }
        assert!((ln_gamma(0.5) - 0.572_364_942_924_700_1).abs() < 1e-14);
        assert!((ln_gamma(11.0) - 3_628_800f64.ln()).abs() < 1e-13);
    }

    #[test]
    fn groups_that_cannot_be_tested_are_refused() {
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), Err(MetricError::TooFew { given: 1, needed: 2 }));
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), Err(MetricError::NoSpread));
        assert_eq!(welch(&[1.0, 2.0], &[2.0, f64::INFINITY]), Err(MetricError::NotFinite { index: 1 }));
        let same = welch(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).expect("test");
        assert_eq!((same.t, same.p), (0.0, 1.0));
    }
}
