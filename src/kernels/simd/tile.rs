//! One register tile: the block of a matrix product whose sums fit into the registers.

/// The most rows any instruction set uses.
pub(crate) const MAX_ROWS: usize = 12;

/// `C[r][..width] = (bias +) Σ_segment Σ_k A[segment][r][k] · B[segment·depth + k][..width] (+ C)`.
///
/// Each number is one chain of fused multiply-adds in the order of `k`, independent of `rows` and `width`. With `pairs`, `k` counts
/// pairs and each step adds two products.
pub(crate) struct Tile {
    /// Rows, `1..=S::ROWS`.
    pub(crate) rows: usize,
    /// Columns, `1..=2·LANES`.
    pub(crate) width: usize,
    /// Start of row `r` in segment `s` is `a[s · a_stride + r] + a_offset`.
    pub(crate) a: *const *const f32,
    pub(crate) a_stride: usize,
    pub(crate) a_offset: usize,
    /// Distance of neighbouring `k` in A.
    pub(crate) a_step: usize,
    /// A and B hold pairs of bf16 numbers in the places of f32 numbers.
    pub(crate) pairs: bool,
    pub(crate) segments: usize,
    pub(crate) depth: usize,
    /// Rows of B, `b_step` apart; each has `LANES` readable numbers per begun vector of `width`.
    pub(crate) b: *const f32,
    pub(crate) b_step: usize,
    /// Start of row `r` of C is `c[r] + c_offset`.
    pub(crate) c: *const *mut f32,
    pub(crate) c_offset: usize,
    /// Where the sums begin, as many numbers as B is wide; may be null.
    pub(crate) bias: *const f32,
    /// Add to what C holds instead of overwriting it.
    pub(crate) accumulate: bool,
}
