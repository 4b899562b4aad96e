//! Several questions at once.

/// The p-values after Holm's step-down correction, in the order of `p`: an adjusted value of at most 0.05 keeps the
/// chance of any false call at 5 %. Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut out = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(p[index] * (p.len() - rank) as f64).min(1.0);
        out[index] = largest;
    }
    out
}
