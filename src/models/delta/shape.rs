//! The shapes of an adapter's tensors, and which layers they fit.

/// A larger matrix is no adapter's: 64 million numbers, 256 MB in f32. What is computed from an adapter's tensors takes
/// memory in proportion to it.
const MOST_NUMBERS: usize = 1 << 26;

/// What the tensors of one layer fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The inner width; `None` where the update has none.
    pub(crate) rank: Option<usize>,
    /// Channels of the layer's input; times height and width of the window where the tensors do not show those.
    pub(crate) input: usize,
    /// Channels of the layer's output.
    pub(crate) output: usize,
    /// Height and width of a convolution's window; 1 × 1 is as good as a linear layer.
    pub(crate) window: (usize, usize),
}

impl Shape {
    /// Numbers in the weights of one output.
    pub(crate) fn columns(&self) -> usize {
        self.input * self.window.0 * self.window.1
    }
}

/// Refuses a shape that no adapter's matrix has: it must have two dimensions, or the four of a convolution, and not too
/// many numbers.
pub(super) fn check_matrix(shape: &[usize]) -> Result<(), String> {
    if !matches!(shape.len(), 2 | 4) {
        return Err(format!("has shape {shape:?}, not two dimensions or the four of a convolution"));
    }
    let numbers = shape.iter().try_fold(1usize, |numbers, length| numbers.checked_mul(*length));
    if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
        return Err(format!("has shape {shape:?}, more numbers than any adapter's matrix"));
    }
    Ok(())
}

/// Refuses shapes of which one holds no numbers.
pub(super) fn check_filled<'a>(mut shapes: impl Iterator<Item = &'a [usize]>) -> Result<(), String> {
    match shapes.find(|shape| shape.contains(&0)) {
        Some(empty) => Err(format!("has shape {empty:?}, which holds no numbers")),
        None => Ok(()),
    }
}
