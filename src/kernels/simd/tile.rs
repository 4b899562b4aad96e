//! One register tile: the block of a matrix product whose sums fit into the registers.

/// The most rows that any instruction set uses.
pub(crate) const MAX_ROWS: usize = 12;

/// `C[r][..width] = (bias +) Σ_segment Σ_k A[segment][r][k] · B[segment·depth + k][..width] (+ C)`.
///
/// Each number is one chain of fused multiply-adds in the order of `k`; it does not depend on `rows` and `width`. With
/// `pairs`, `k` counts pairs, and each step adds two products.
pub(crate) struct Tile {
    /// Rows, `1..=S::ROWS`.
    pub(crate) rows: usize,
    /// Columns, `1..=2·LANES`.
    pub(crate) width: usize,
    /// The start of row `r` in segment `s` is `a[s · a_stride + r] + a_offset`.
    pub(crate) a: *const *const f32,
    pub(crate) a_stride: usize,
    pub(crate) a_offset: usize,
    /// The distance between neighbouring `k` in A.
    pub(crate) a_step: usize,
    /// A and B hold pairs of bf16 numbers in the places of f32 numbers.
    pub(crate) pairs: bool,
    pub(crate) segments: usize,
    pub(crate) depth: usize,
    /// Rows of B, `b_step` apart; each has `LANES` readable numbers per begun vector of `width`.
    pub(crate) b: *const f32,
    pub(crate) b_step: usize,
    /// The start of row `r` of C is `c[r] + c_offset`.
    pub(crate) c: *const *mut f32,
    pub(crate) c_offset: usize,
    /// The numbers that the sums begin with, as many as B is wide. The address may be null: then they begin with 0.
    pub(crate) bias: *const f32,
    /// Whether the sums are added to C. Otherwise they overwrite it.
    pub(crate) accumulate: bool,
}
