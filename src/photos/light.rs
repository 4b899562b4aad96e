//! Takes the light out of a small picture: what is left does not depend on how bright it is, nor from which side.

/// Takes away the plane that fits the `side` × `side` cells best.
pub(super) fn remove(cells: &mut [f64], side: usize) {
    let middle = (side as f64 - 1.0) / 2.0;
    let across = |i: usize| (i % side) as f64 - middle;
    let down = |i: usize| (i / side) as f64 - middle;
    let square: f64 = (0..cells.len()).map(|i| across(i) * across(i)).sum();
    let mean = cells.iter().sum::<f64>() / cells.len() as f64;
    let slope =
        |along: &dyn Fn(usize) -> f64| cells.iter().enumerate().map(|(i, v)| v * along(i)).sum::<f64>() / square;
    let (right, bottom) = (slope(&across), slope(&down));
    for (i, cell) in cells.iter_mut().enumerate() {
        *cell -= mean + right * across(i) + bottom * down(i);
    }
}

/// Standard deviation of cells whose mean is 0.
pub(super) fn deviation(cells: &[f64]) -> f64 {
    (cells.iter().map(|v| v * v).sum::<f64>() / cells.len() as f64).sqrt()
}
