//! Large images piece by piece, so that most of the memory is that of one tile.
//!
//! Only the inner part of a tile is kept. The numbers in a margin along its edges depend on the zeros outside the tile,
//! so the margin is thrown away. Group norms use the same statistics for all tiles. So two tiles give the same number
//! for the same pixel, up to rounding, and no border shows. The statistics come from a first pass, in which every tile
//! uses its own. Those of all tiles are pooled, which gives nearly the statistics of the whole image.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Result, Tensor, bail};

use crate::kernels::{Activation, GroupNorm, GroupStatistics, group_norm, group_norm_by, group_statistics};
use crate::models::resnet::Norm;
use crate::models::trace::{Map, Trace};

/// How images are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    /// The longest side in pixels that is not cut. A tile is not longer, unless its margins need more.
    limit: usize,
    /// Pixels at a tile's edge that depend on the zeros outside the tile.
    margin: usize,
}

impl Tiling {
    /// Tiles of at most `limit` pixels for [`TILED`](super::sizes::TILED) levels of `layers` residual blocks, or one
    /// more.
    pub(super) fn new(limit: usize, layers: usize) -> Self {
        // Every 3×3 convolution makes the margin one place wider. A block has two of them, and a level has one beside
        // its blocks. A place is one pixel in the finest level, and two pixels in the other one. One more convolution
        // is the first or the last of all.
        Self { limit, margin: (2 * (layers + 1) + 1) * (1 + 2) + 1 }
    }

    /// Computes `f(x)` tile by tile. `f` maps `(B, from·h, from·w, C)` to `(B, to·h, to·w, D)`; the larger of the two
    /// has one place per pixel. `f` must normalise with the function that it is given, and use each norm once.
    pub(super) fn map(
        &self,
        x: &Tensor,
        (from, to): (usize, usize),
        f: impl Fn(Norm<'_>, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let (height, width) = (x.dim(1)? / from, x.dim(2)? / from);
        let (rows, columns) = (self.cut(height, from.max(to)), self.cut(width, from.max(to)));
        // A norm that is given its statistics has no gradient.
        if rows.len() * columns.len() == 1 || x.track_op() {
            return f(&group_norm, x);
        }
        let tile = |row: &Side, column: &Side| {
            let part = x.narrow(1, from * row.tile.start, from * row.tile.len())?;
            part.narrow(2, from * column.tile.start, from * column.tile.len())?.contiguous()
        };
        let mut statistics = Vec::new();
        for row in &rows {
            for column in &columns {
                let own = RefCell::new(BTreeMap::new());
                let norm = |x: &Tensor, n: &GroupNorm, act: Activation| {
                    let kept = column.keep(2, &row.keep(1, x)?)?.contiguous()?;
                    let part = (group_statistics(&kept, n)?, kept.dim(1)? * kept.dim(2)?);
                    if own.borrow_mut().insert(NormId::of(n), part).is_some() {
                        bail!("a group norm is used twice in a tile");
                    }
                    group_norm(x, n, act)
                };
                f(&norm, &tile(row, column)?)?;
                statistics.push(own.into_inner());
            }
        }
        let pooled = pool(&statistics)?;
        let mut bands = Vec::new();
        for row in &rows {
            let mut band = Vec::new();
            for column in &columns {
                let norm = |x: &Tensor, n: &GroupNorm, act: Activation| match pooled.get(&NormId::of(n)) {
                    Some(statistics) => group_norm_by(x, n, act, statistics),
                    None => bail!("a tile with another group norm than the others"),
                };
                let y = f(&norm, &tile(row, column)?)?;
                band.push(column.keep(2, &row.keep(1, &y)?)?.contiguous()?);
            }
            bands.push(Tensor::cat(&band, 2)?);
        }
        Tensor::cat(&bands, 1)
    }

    /// As [`map`](Self::map), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map, (from, to): (usize, usize), f: impl Fn(&Map) -> Map) -> Map {
        let &[batch, height, width, channels] = x.dims() else { return f(x) };
        let (rows, columns) = (self.cut(height / from, from.max(to)), self.cut(width / from, from.max(to)));
        if rows.len() * columns.len() == 1 {
            return f(x);
        }
        let tile =
            |row: &Side, column: &Side| f(&t.map(&[batch, from * row.tile.len(), from * column.tile.len(), channels]));
        // The first pass, which gives the statistics, holds as much as the second one, but keeps no results.
        let band = |row: &Side| {
            let kept = |column: &Side| {
                let y = tile(row, column);
                t.map(&[batch, to * row.kept.len(), to * column.kept.len(), y.channels()])
            };
            let band: Vec<Map> = columns.iter().map(kept).collect();
            let channels = band.first().map_or(0, Map::channels);
            t.map(&[batch, to * row.kept.len(), to * (width / from), channels])
        };
        let bands: Vec<Map> = rows.iter().map(band).collect();
        let channels = bands.first().map_or(0, Map::channels);
        t.map(&[batch, to * (height / from), to * (width / from), channels])
    }

    /// Cuts a side of `length` units of `pixels`.
    fn cut(&self, length: usize, pixels: usize) -> Vec<Side> {
        let (limit, margin) = (self.limit / pixels, self.margin.div_ceil(pixels));
        if length <= limit {
            return vec![Side { tile: 0..length, kept: 0..length }];
        }
        // Tiles that are more margin than anything else would be wasteful.
        let count = length.div_ceil(limit.saturating_sub(2 * margin).max(4 * margin));
        let kept = |i: usize| length * i / count..length * (i + 1) / count;
        let tile = |kept: &Range<usize>| kept.start.saturating_sub(margin)..length.min(kept.end + margin);
        (0..count).map(kept).map(|kept| Side { tile: tile(&kept), kept }).collect()
    }
}

/// Which group norm of a network it is. The network does not move while its tiles are computed, so a norm's address is
/// its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NormId(*const GroupNorm);

impl NormId {
    fn of(norm: &GroupNorm) -> Self {
        Self(std::ptr::from_ref(norm))
    }
}

/// For each norm, the statistics of a tile and the number of pixels they were computed from.
type TileStatistics = BTreeMap<NormId, (GroupStatistics, usize)>;

/// The statistics of the whole image from those of its tiles.
fn pool(tiles: &[TileStatistics]) -> Result<BTreeMap<NormId, GroupStatistics>> {
    let norms = tiles.first().map(BTreeMap::keys).into_iter().flatten();
    let pooled = norms.map(|norm| {
        let parts: Option<Vec<_>> = tiles.iter().map(|tile| tile.get(norm)).collect();
        let parts = parts?.into_iter().map(|(statistics, pixels)| (statistics, *pixels));
        Some((*norm, GroupStatistics::pooled(parts)?))
    });
    match pooled.collect() {
        Some(pooled) => Ok(pooled),
        None => bail!("tiles without pixels, or with other group norms than their neighbours"),
    }
}

/// One side of a tile, in units.
#[derive(Debug)]
struct Side {
    tile: Range<usize>,
    /// The part of the tile whose results are kept.
    kept: Range<usize>,
}

impl Side {
    /// Cuts the kept part out of `x`, which was computed from a tile, along dimension `dim`. `x` may have any
    /// resolution.
    fn keep(&self, dim: usize, x: &Tensor) -> Result<Tensor> {
        let scale = x.dim(dim)? / self.tile.len();
        x.narrow(dim, scale * (self.kept.start - self.tile.start), scale * self.kept.len())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tiles_cover_everything_once(
            length in 1usize..900, limit in 1usize..3000, margin in 1usize..40, pixels in 1usize..9,
        ) {
            let tiling = Tiling { limit, margin };
            let sides = tiling.cut(length, pixels);
            let mut end = 0;
            for side in &sides {
                prop_assert_eq!(side.kept.start, end);
                prop_assert!(!side.kept.is_empty());
                end = side.kept.end;
                let wide = |inner: usize, outer: usize| inner.abs_diff(outer) * pixels >= margin;
                let edge = |inner, outer, last| outer == last || wide(inner, outer);
                prop_assert!(edge(side.kept.start, side.tile.start, 0) && edge(side.kept.end, side.tile.end, length));
                prop_assert!(side.tile.len() * pixels <= limit.max(6 * (margin + pixels)), "{sides:?}");
            }
            prop_assert_eq!(end, length);
        }
    }

    #[test]
    fn what_sees_no_neighbours_is_the_same_in_tiles() {
        let x = Tensor::randn(0f32, 1., (2, 150, 194, 3), &Device::Cpu).unwrap();
        let double =
            |_: Norm<'_>, x: &Tensor| crate::kernels::upsample_nearest_2x(&(x * 3.)?, (2 * x.dim(1)?, 2 * x.dim(2)?));
        let tiled = Tiling { limit: 100, margin: 5 }.map(&x, (1, 2), double).unwrap();
        let whole = double(&group_norm, &x).unwrap();
        assert_eq!(tiled.dims(), whole.dims());
        assert_eq!(
            tiled.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            whole.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }

    #[test]
    fn statistics_of_the_parts_are_those_of_the_whole() {
        let norm = |values: &[f32]| Tensor::from_slice(values, 4, &Device::Cpu).unwrap();
        let n = GroupNorm::new(norm(&[1., 2., -1., 0.5]), norm(&[0., 1., 2., 3.]), 2, 1e-5).unwrap();
        let x = (Tensor::randn(0f32, 1., (2, 90, 70, 4), &Device::Cpu).unwrap() + 3.).unwrap();
        // The first norm of all sees what it would see in the whole image.
        let f = |norm: Norm<'_>, x: &Tensor| norm(x, &n, Activation::Silu);
        let (tiled, whole) = (Tiling { limit: 40, margin: 3 }.map(&x, (1, 1), f).unwrap(), f(&group_norm, &x).unwrap());
        let difference = (tiled - whole).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference < 1e-5, "{difference}");
    }
}
