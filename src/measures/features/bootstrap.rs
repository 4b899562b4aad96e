//! How sure a number is, given few photos: the bootstrap over photos.
//!
//! B. Efron, *Bootstrap methods: another look at the jackknife*, 1979. As many photos as there are, are drawn with
//! repetition; the number is computed for each draw, and the interval is that of these numbers. For few photos every
//! draw is listed with its probability, so that nothing depends on chance; for more, draws are made with a fixed seed.

use crate::measures::random::Random;

/// Most photos of which every draw is listed: 9 photos have 24,310 different draws.
const MOST_LISTED: usize = 9;
/// Draws of more photos.
const DRAWS: usize = 10_000;
/// Both ends of an interval of 95 % leave out this much.
const TAIL: f64 = 0.025;
/// With more draws than this for which the number is not defined, nothing is said.
const MOST_UNDEFINED: f64 = 0.25;

/// The lower limit of the 95 % interval of a number of `photos` photos. `number` gets how often each photo is drawn.
/// Draws for which the number is not defined are left out; `None` if these are many, or for fewer than 3 photos.
#[must_use]
pub fn lower_limit(photos: usize, number: impl Fn(&[f64]) -> Option<f64>) -> Option<f64> {
    if photos < 3 {
        return None;
    }
    let draws = if photos <= MOST_LISTED { listed(photos) } else { drawn(photos) };
    let mut numbers: Vec<(f64, f64)> = draws
        .into_iter()
        .filter_map(|(counts, probability)| Some((number(&counts)?, probability)))
        .filter(|(number, _)| number.is_finite())
        .collect();
    let defined: f64 = numbers.iter().map(|(_, probability)| probability).sum();
    if defined < 1.0 - MOST_UNDEFINED {
        return None;
    }
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    // The small number keeps rounding from deciding between two values.
    let reached = |(_, probability): &&(f64, f64)| {
        below += probability;
        below > TAIL * defined + 1e-12
    };
    numbers.iter().find(reached).map(|(number, _)| *number)
}

/// Every draw: how often each photo is in it, and its probability `n! / (Π count!) / nⁿ`.
fn listed(n: usize) -> Vec<(Vec<f64>, f64)> {
    let factorial = |k: usize| (1..=k).map(|i| i as f64).product::<f64>();
    let (mut draws, mut counts) = (Vec::new(), vec![0; n]);
    counts[n - 1] = n;
    loop {
        let ways = counts.iter().fold(factorial(n), |ways, count| ways / factorial(*count));
        draws.push((counts.iter().map(|count| *count as f64).collect(), ways / (n as f64).powi(n as i32)));
        // The next composition of n: one moves forward, what stands behind it goes to the end.
        let Some(last) = counts.iter().rposition(|count| *count > 0).filter(|last| *last > 0) else { return draws };
        let moved = counts[last];
        counts[last] = 0;
        counts[last - 1] += 1;
        counts[n - 1] = moved - 1;
    }
}

/// Draws with a fixed seed, each with the same probability.
fn drawn(n: usize) -> Vec<(Vec<f64>, f64)> {
    let mut random = Random::new(0);
    let draw = |_| {
        let mut counts = vec![0.0; n];
        for _ in 0..n {
            counts[(random.next() % n as u64) as usize] += 1.0;
        }
        (counts, 1.0 / DRAWS as f64)
    };
    (0..DRAWS).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_is_listed_once_with_its_probability() {
        for (n, count) in [(3, 10), (4, 35), (9, 24_310)] {
            let draws = listed(n);
            assert_eq!(draws.len(), count);
            assert!((draws.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
            let mut counts: Vec<String> = draws.iter().map(|(counts, _)| format!("{counts:?}")).collect();
            counts.sort();
            counts.dedup();
            assert_eq!(counts.len(), count, "no draw twice");
            assert!(draws.iter().all(|(counts, _)| counts.iter().sum::<f64>() == n as f64));
        }
    }

    #[test]
    fn a_constant_has_no_width_and_few_photos_say_nothing() {
        assert_eq!(lower_limit(4, |_| Some(0.5)), Some(0.5));
        assert_eq!((lower_limit(2, |_| Some(0.5)), lower_limit(4, |_| None)), (None, None));
        // The mean of 0, 1, … 11: the interval of the bootstrap is near the one of the normal distribution.
        let mean = |counts: &[f64]| Some(counts.iter().enumerate().map(|(i, c)| i as f64 * c).sum::<f64>() / 12.0);
        let limit = lower_limit(12, mean).unwrap();
        assert!((limit - (5.5 - 1.96 * 3.452 / 12_f64.sqrt())).abs() < 0.1, "{limit}");
    }
}
