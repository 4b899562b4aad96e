//! A mean with its interval.

use serde::Serialize;

use super::student::{two_sided, two_sided_quantile};

/// The mean of a few independent numbers and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// How many numbers.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation; `None` with fewer than two.
    pub sd: Option<f64>,
    /// Lower end of the interval, `mean − t · sd / √n` with n − 1 degrees of freedom; `None` with fewer than two.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Estimate {
    /// Of the finite ones among these numbers; `None` if there is none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        if n < 2 {
            return Some(Self { n, mean, sd: None, low: None, high: None });
        }
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let sd = (squares / (n - 1) as f64).sqrt();
        let half = two_sided_quantile(0.05, (n - 1) as f64) * sd / (n as f64).sqrt();
        Some(Self { n, mean, sd: Some(sd), low: Some(mean - half), high: Some(mean + half) })
    }

    /// The chance of a mean so far from that number if it were the truth; `None` with fewer than two numbers.
    #[must_use]
    pub fn p(&self, truth: f64) -> Option<f64> {
        let se = self.sd? / (self.n as f64).sqrt();
        let off = self.mean - truth;
        let exact = se <= 1e-12 * self.mean.abs().max(truth.abs()).max(f64::MIN_POSITIVE);
        // Equal numbers have no noise that chance could be read from.
        (!exact).then(|| two_sided(off / se, (self.n - 1) as f64))
    }

    /// Whether the whole interval lies above that number; `None` if there is no interval.
    #[must_use]
    pub fn above(&self, number: f64) -> Option<bool> {
        self.low.map(|low| low > number)
    }

    /// Whether the whole interval lies below that number; `None` if there is no interval.
    #[must_use]
    pub fn below(&self, number: f64) -> Option<bool> {
        self.high.map(|high| high < number)
    }
}
