//! How sure a share of yes-or-no answers is.

use serde::Serialize;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share of answers with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// How many answers were so.
    pub count: usize,
    /// How many answers there were.
    pub n: usize,
    /// `count / n`
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share `p = count / n` with the interval of Wilson (1927), without a correction for continuity:
/// `(p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n)`. `None` without answers, or with more counted than there are.
///
/// Unlike `p ± z √(p (1 − p)/n)` it stays between 0 and 1 and has a width where all answers agree.
#[must_use]
pub fn wilson(count: usize, n: usize) -> Option<Share> {
    if n == 0 || count > n {
        return None;
    }
    let (total, share) = (n as f64, count as f64 / n as f64);
    let middle = share + Z * Z / (2.0 * total);
    let half = Z * (share * (1.0 - share) / total + Z * Z / (4.0 * total * total)).sqrt();
    let whole = 1.0 + Z * Z / total;
    let (low, high) = (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0));
    Some(Share { count, n, share, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `proportion_confint(count, n, method="wilson")` of statsmodels 0.15.0.
    const EXPECTED: [(usize, usize, f64, f64); 6] = [
        (0, 5, 0.0, 0.434_482_464_783_174_87),
        (3, 4, 0.300_641_842_582_401_84, 0.954_412_739_190_299_5),
        (12, 17, 0.468_668_899_334_601_6, 0.867_200_103_897_047_8),
        (10, 20, 0.299_298_008_198_212_3, 0.700_701_991_801_787_7),
        (20, 20, 0.838_874_841_947_180_4, 1.0),
        (137, 200, 0.617_650_439_142_696_5, 0.745_376_790_097_715_1),
    ];

    #[test]
    fn intervals_are_those_of_statsmodels() {
        for (count, n, low, high) in EXPECTED {
            let share = wilson(count, n).expect("has an interval");
            assert!((share.low - low).abs() < 1e-12 && (share.high - high).abs() < 1e-12, "{count} of {n}: {share:?}");
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(3, 2), None);
    }
}
