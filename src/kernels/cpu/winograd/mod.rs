//! 3×3 convolutions with stride 1 by Winograd's minimal filtering (Lavin & Gray 2015,
//! <https://arxiv.org/abs/1509.09308>). Instead of summing nine products per pixel, tiles of `m × m` output pixels are
//! multiplied as `(m+2)²` independent matrices. That needs 2.25 (m = 2) or 4 (m = 4) times fewer multiplications.
//!
//! `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A` for a tile `d` of `(m+2)²` pixels and a kernel `g`. For m = 4 the interpolation
//! points are (0, ±1/√2, ±√2, ∞), whose rounding error is about a third of that of the usual (0, ±1, ±2, ∞).

pub(crate) mod convolution;
pub(crate) mod cut;
mod tiles;
mod transform;
