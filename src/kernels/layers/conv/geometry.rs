//! The sizes of a convolution.

/// The bytes of rows, of what the kernel sees at a pixel, that are held at once on a GPU.
pub(crate) const ROWS_AT_ONCE: usize = 128 << 20;

/// Zeros added around a feature map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same number of pixels on all four sides.
    #[must_use]
    pub fn same(pixels: usize) -> Self {
        Self { top: pixels, bottom: pixels, left: pixels, right: pixels }
    }
}

/// The sizes of one call, in pixels and channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) in_channels: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) out_channels: usize,
    pub(crate) kernel_height: usize,
    pub(crate) kernel_width: usize,
    pub(crate) stride: usize,
    pub(crate) top: usize,
    pub(crate) left: usize,
}

impl Geometry {
    /// The sizes of the convolution of the gradient, which is the backward pass. The caller sets stride and padding.
    pub(crate) fn turned(&self) -> Self {
        Self {
            height: self.out_height,
            width: self.out_width,
            in_channels: self.out_channels,
            out_height: self.height,
            out_width: self.width,
            out_channels: self.in_channels,
            ..*self
        }
    }
}
