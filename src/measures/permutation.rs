//! Permutation tests: p-values for few numbers of any distribution.

use super::MetricError;
use super::error::check;
use super::summary::mean;

/// Up to this many rearrangements all are tried; beyond, this many are drawn.
const ARRANGEMENTS: u64 = 200_000;

/// Two-sided p-value for the difference of the means of two independent groups, 0 < p ≤ 1.
///
/// The share of all ways to deal the numbers into groups of these sizes whose means differ at least as much. With more
/// than 200,000 ways that many are drawn, always the same ones, and `p = (hits + 1) / (draws + 1)`.
/// R. A. Fisher, *The Design of Experiments*, 1935; B. Phipson, G. K. Smyth, 2010, for the drawn ones.
pub fn permutation_test(a: &[f64], b: &[f64]) -> Result<f64, MetricError> {
    check(a, 1)?;
    check(b, 1)?;
    let (na, nb) = (a.len(), b.len());
    let all = [a, b].concat();
    let center = mean(&all);
    // A group's sum, measured from the common mean, is proportional to the difference of the means.
    let values: Vec<f64> = all.iter().map(|v| v - center).collect();
    let observed = extent(&values[..na]);
    let enough = observed - slack(&values);
    Ok(match choose(na + nb, na) {
        Some(ways) => {
            let mut picked: Vec<usize> = (0..na).collect();
            let mut hits = 0u64;
            loop {
                hits += u64::from(picked.iter().map(|&i| values[i]).sum::<f64>().abs() >= enough);
                if !next_combination(&mut picked, na + nb) {
                    break hits as f64 / ways as f64;
                }
            }
        }
        None => drawn(|random| {
            let mut values = values.clone();
            for i in 0..na {
                let j = i + random.below((na + nb - i) as u64) as usize;
                values.swap(i, j);
            }
            extent(&values[..na]) >= enough
        }),
    })
}

/// Two-sided p-value for the mean difference of pairs, such as two cells' images of the same prompt and seed.
///
/// The share of all ways to exchange partners within pairs whose mean difference is at least as large; drawn as in
/// [`permutation_test`] when there are more than 200,000 ways (18 pairs).
pub fn paired_permutation_test(a: &[f64], b: &[f64]) -> Result<f64, MetricError> {
    if a.len() != b.len() {
        return Err(MetricError::NotPaired { a: a.len(), b: b.len() });
    }
    check(a, 1)?;
    check(b, 1)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let enough = extent(&differences) - slack(&differences);
    let flipped = |bits: &dyn Fn(usize) -> bool| {
        differences.iter().enumerate().map(|(i, d)| if bits(i) { -d } else { *d }).sum::<f64>().abs() >= enough
    };
    Ok(match 1u64.checked_shl(a.len() as u32).filter(|&ways| ways <= ARRANGEMENTS) {
        Some(ways) => {
            let hits = (0..ways).filter(|signs| flipped(&|i| signs >> i & 1 == 1)).count();
            hits as f64 / ways as f64
        }
        None => drawn(|random| {
            let signs: Vec<bool> = differences.iter().map(|_| random.below(2) == 1).collect();
            flipped(&|i| signs[i])
        }),
    })
}

fn extent(values: &[f64]) -> f64 {
    values.iter().sum::<f64>().abs()
}

/// Sums of the same numbers in another order differ by rounding; such sums count as equal.
fn slack(values: &[f64]) -> f64 {
    1e-12 * values.iter().map(|v| v.abs()).sum::<f64>()
}

/// Number of ways to choose `k` of `n`, if at most [`ARRANGEMENTS`].
fn choose(n: usize, k: usize) -> Option<u64> {
    let k = k.min(n - k) as u64;
    (1..=k).try_fold(1u64, |ways, i| {
        let ways = ways * (n as u64 - k + i) / i;
        (ways <= ARRANGEMENTS).then_some(ways)
    })
}

/// The next subset of `0..n` in lexicographic order; false after the last.
fn next_combination(picked: &mut [usize], n: usize) -> bool {
    let k = picked.len();
    let Some(i) = (0..k).rev().find(|&i| picked[i] < n - k + i) else { return false };
    picked[i] += 1;
    for j in i + 1..k {
        picked[j] = picked[j - 1] + 1;
    }
    true
}

fn drawn(mut hit: impl FnMut(&mut SplitMix64) -> bool) -> f64 {
    let mut random = SplitMix64(0);
    let hits = (0..ARRANGEMENTS).filter(|_| hit(&mut random)).count();
    (hits + 1) as f64 / (ARRANGEMENTS + 1) as f64
}

/// G. L. Steele, D. Lea, C. H. Flood, *Fast splittable pseudorandom number generators*, 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..n`, up to a bias of n / 2⁶⁴.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_and_unclear_differences() {
        // 3 against 3: 20 ways, 2 as extreme.
        assert_eq!(permutation_test(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), Ok(0.1));
        assert_eq!(permutation_test(&[1.0, 2.0], &[1.0, 2.0]), Ok(1.0));
        assert_eq!(permutation_test(&[1.0], &[2.0]), Ok(1.0));
        // 3 pairs, one direction: 2 of 8.
        assert_eq!(paired_permutation_test(&[2.0, 3.0, 9.0], &[1.0, 1.0, 5.0]), Ok(0.25));
    }

    #[test]
    fn drawn_values_come_near_the_exact_ones_and_repeat() {
        // 12 against 12 has 2,704,156 ways, so they are drawn; a shift of 1.2 standard deviations.
        let a: Vec<f64> = (0..12).map(|i| (f64::from(i) * 1.7).sin()).collect();
        let b: Vec<f64> = (0..12).map(|i| (f64::from(i) * 2.3).cos() + 0.6).collect();
        let p = permutation_test(&a, &b).expect("p");
        assert_eq!(permutation_test(&a, &b), Ok(p));
        let welch = crate::measures::welch(&a, &b).expect("welch").p;
        assert!((p - welch).abs() < 0.01, "{p} {welch}");
        assert!(paired_permutation_test(&[1.0; 20], &[0.0; 20]).expect("p") < 1e-4);
    }

    #[test]
    fn bad_groups_are_refused() {
        assert!(permutation_test(&[], &[1.0]).is_err());
        assert!(permutation_test(&[f64::NAN], &[1.0]).is_err());
        assert_eq!(paired_permutation_test(&[1.0], &[]), Err(MetricError::NotPaired { a: 1, b: 0 }));
    }

    #[test]
    fn ways_are_counted_without_overflow() {
        assert_eq!(choose(6, 3), Some(20));
        assert_eq!(choose(20, 10), Some(184_756));
        assert_eq!(choose(24, 12), None);
        assert_eq!(choose(1_000_000, 500_000), None);
        assert_eq!(choose(5, 5), Some(1));
    }
}
