//! Nearest photos at equal numbers of photos: the nearest of 25 photos is nearer than the nearest of 5 by chance alone.

use super::cosine::cosine;
use super::inputs::PhotoFeatures;

/// The mean over all subsets of `k` values of their largest value; `None` if there are fewer than `k`, or `k` is 0.
///
/// With the values in rising order `x[0] ≤ … ≤ x[n−1]` it is `Σ x[i] C(i, k−1) / C(n, k)`: `x[i]` is the largest of a
/// subset if the other `k − 1` are among the `i` below it.
#[must_use]
pub fn expected_largest(mut values: Vec<f64>, k: usize) -> Option<f64> {
    let n = values.len();
    if k == 0 || k > n {
        return None;
    }
    values.sort_by(f64::total_cmp);
    // The share of subsets in which x[i] is the largest, from the top: k / n, then by the ratio of neighbours.
    let mut share = k as f64 / n as f64;
    let mut sum = 0.0;
    for i in (k - 1..n).rev() {
        sum += share * values[i];
        if i > 0 {
            share *= (i + 1 - k) as f64 / i as f64;
        }
    }
    Some(sum)
}

/// How much nearer a picture is to its nearest training photo than to its nearest held-out photo: the difference of the
/// largest cosines to `k` photos of each, averaged over all choices of `k`; a photo may be mirrored. About 0 for a new
/// picture of the subject, positive for a copy.
#[must_use]
pub fn gap(picture: &[f32], train: &[PhotoFeatures<'_>], held_out: &[PhotoFeatures<'_>], k: usize) -> Option<f64> {
    let nearest = |photos: &[PhotoFeatures<'_>]| {
        let cosines = photos.iter().map(|photo| cosine(picture, photo.plain).max(cosine(picture, photo.mirrored)));
        expected_largest(cosines.collect(), k)
    };
    Some(nearest(train)? - nearest(held_out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_a_subset_is_averaged_over_all_subsets() {
        // {1, 2}, {1, 4}, {2, 4}
        assert!((expected_largest(vec![4.0, 1.0, 2.0], 2).unwrap() - 10.0 / 3.0).abs() < 1e-12);
        assert!((expected_largest(vec![4.0, 1.0, 2.0], 1).unwrap() - 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(expected_largest(vec![4.0, 1.0, 2.0], 3), Some(4.0));
        assert_eq!((expected_largest(vec![1.0], 2), expected_largest(vec![1.0], 0)), (None, None));
    }

    #[test]
    fn a_mirrored_copy_is_a_copy() {
        let photo = |plain: &'static [f32], mirrored: &'static [f32]| PhotoFeatures { plain, mirrored, masked: None };
        let (train, held_out) = ([photo(&[1.0, 0.0], &[0.0, 1.0])], [photo(&[-1.0, 0.0], &[-1.0, 0.0])]);
        assert_eq!(gap(&[0.0, 1.0], &train, &held_out, 1), Some(1.0));
        assert_eq!(gap(&[0.0, 1.0], &train, &[], 1), None);
    }
}
