//! Several questions at once.

/// The p-values after Holm's step-down correction, in the order of `p`: an adjusted value of at most 0.05 keeps the
/// chance of any false call at 5 %. Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    step_down(p, &(1..=p.len()).rev().collect::<Vec<_>>())
}

/// The same where less can be true at once: `most_true[i]` is how many of the questions can have the answer "equal"
/// after the `i` smallest p-values were found to be differences. Source: Shaffer 1986, "Modified sequentially rejective
/// multiple test procedures".
pub(super) fn step_down(p: &[f64], most_true: &[usize]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut out = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (index, most) in order.into_iter().zip(most_true) {
        largest = largest.max(p[index] * *most as f64).min(1.0);
        out[index] = largest;
    }
    out
}

/// For all pairs of `things`: how many of them can be equal pairs if `i` are not, for each `i` from 0 on. Equal things
/// form groups, so only some numbers of equal pairs are possible: of four things 6, 3, 2, 1 or none.
pub(super) fn most_equal(things: usize) -> Vec<usize> {
    // possible[n][k]: n things can have k equal pairs.
    let pairs = things * things.saturating_sub(1) / 2;
    let mut possible = vec![vec![false; pairs + 1]; things + 1];
    possible[0][0] = true;
    for n in 1..=things {
        for group in 1..=n {
            let inside = group * (group - 1) / 2;
            for k in inside..=pairs {
                possible[n][k] |= possible[n - group][k - inside];
            }
        }
    }
    let most = |at_most: usize| (0..=at_most).rev().find(|k| possible[things][*k]).unwrap_or(0);
    (0..pairs).map(|different| most(pairs - different)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_form_groups() {
        // The numbers of Shaffer's table 2.
        assert_eq!(most_equal(3), [3, 1, 1]);
        assert_eq!(most_equal(4), [6, 3, 3, 3, 2, 1]);
        assert_eq!(most_equal(5), [10, 6, 6, 6, 6, 4, 4, 3, 2, 1]);
        assert_eq!(most_equal(6), [15, 10, 10, 10, 10, 10, 7, 7, 7, 6, 4, 4, 3, 2, 1]);
        assert_eq!((most_equal(2), most_equal(1)), (vec![1], vec![]));
    }

    #[test]
    fn a_difference_that_is_clear_helps_the_others() {
        let p = [0.001, 0.02, 0.012, 0.5];
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&holm(&p), &[0.004, 0.04, 0.036, 0.5]));
        assert!(close(&step_down(&p, &[4, 2, 2, 1]), &[0.004, 0.04, 0.024, 0.5]));
    }
}
