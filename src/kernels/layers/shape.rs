//! Shapes.

use candle_core::Shape;

/// `shape` with another last dimension.
pub(crate) fn with_channels(shape: &Shape, channels: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = channels;
    }
    Shape::from(dims)
}
