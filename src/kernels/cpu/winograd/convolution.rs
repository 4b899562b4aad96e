//! A whole convolution, whose tiles are computed in pieces of work or all at once.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::cut::{Cut, MANY};
use super::tiles::{Input, Output, Place, Strides};
use crate::kernels::cpu::product::{Product, SERIAL, Start};
use crate::kernels::host::aligned::Aligned;
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::layers::conv::geometry::Geometry;
use crate::kernels::packed::winograd::Filter;
use crate::kernels::simd::dispatch::dispatch;

/// Convolves `(batch, height, width, in)` to `(batch, out height, out width, out)` with stride 1.
pub(crate) fn forward(g: &Geometry, weight: &Filter<'_>, bias: Option<&[f32]>, x: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), g.batch * g.height * g.width * g.in_channels, "the feature map has another size");
    let c = Call::new(g, weight, bias, x);
    let serial = c.cut.tiles * c.weight.positions.len() * g.in_channels * g.out_channels < SERIAL;
    let all = |out: Shared| {
        if serial {
            (0..c.cut.tiles.div_ceil(MANY)).for_each(|i| c.piece(i * MANY..c.cut.tiles.min((i + 1) * MANY), out));
        } else if c.cut.fits_at_once() {
            c.by_position(out);
        } else {
            let chunk = c.cut.chunk(rayon::current_num_threads());
            let pieces = (0..c.cut.tiles.div_ceil(chunk)).into_par_iter();
            pieces.for_each(|i| c.piece(i * chunk..c.cut.tiles.min((i + 1) * chunk), out));
        }
    };
    // SAFETY: the tiles cover all output pixels, and each writes all channels of its own.
    unsafe { written(g.batch * g.out_height * g.out_width * g.out_channels, all) }
}

/// One call of a convolution.
struct Call<'a> {
    g: &'a Geometry,
    weight: &'a Filter<'a>,
    bias: Option<&'a [f32]>,
    x: &'a [f32],
    cut: Cut,
}

thread_local! {
    /// The transformed pixels and the products. They are kept, because filling new memory with zeros would cost as much
    /// as small products do.
    static ROOM: RefCell<(Aligned, Aligned)> = RefCell::default();
}

impl<'a> Call<'a> {
    fn new(g: &'a Geometry, weight: &'a Filter<'a>, bias: Option<&'a [f32]>, x: &'a [f32]) -> Self {
        let m = weight.size.output();
        let tiles = g.batch * g.out_height.div_ceil(m) * g.out_width.div_ceil(m);
        let (rounded, turned) = (weight.positions[0].pairs(), weight.positions[0].is_turned());
        let cut = Cut::new(weight.size, tiles, g.in_channels, g.out_channels).with(rounded, turned);
        Self { g, weight, bias, x, cut }
    }

    fn places(&self, tiles: Range<usize>) -> Vec<Place> {
        let (m, g) = (self.weight.size.output(), self.g);
        let (rows, columns) = (g.out_height.div_ceil(m), g.out_width.div_ceil(m));
        let place = |tile: usize| {
            let (image, tile) = (tile / (rows * columns), tile % (rows * columns));
            Place { image, y: tile / columns * m, x: tile % columns * m }
        };
        tiles.map(place).collect()
    }

    /// The distances in the scratch of `count` tiles, for transformed pixels and for products. All positions of a tile
    /// are read and written together, so they start at different cache sets.
    fn strides(&self, count: usize) -> [Strides; 2] {
        self.cut.positions_apart(count).map(|(tile, position)| Strides { tile, position })
    }

    fn input(&self, places: &[Place], to: Shared, strides: Strides) {
        dispatch(Input {
            g: self.g,
            size: self.weight.size,
            places,
            x: self.x,
            to,
            strides,
            rounded: self.cut.rounded,
        });
    }

    fn output(&self, places: &[Place], from: Shared, strides: Strides, out: Shared) {
        dispatch(Output { g: self.g, size: self.weight.size, places, from, strides, bias: self.bias, out });
    }

    /// Multiplies one position of `count` tiles, for part `part.0` of `part.1` parts of all channels.
    fn multiply(
        &self,
        position: usize,
        part: (usize, usize),
        count: usize,
        [from, to]: [Shared; 2],
        [wide, broad]: [Strides; 2],
    ) {
        let start = |t: usize| (position * wide.position + t * wide.tile) * self.cut.bytes() / 4;
        let starts: Vec<*const f32> = (0..count).map(|t| from.at(start(t)).cast_const()).collect();
        let ends: Vec<*mut f32> = (0..count).map(|t| to.at(position * broad.position + t * broad.tile)).collect();
        let (channels, b) = (self.g.in_channels, self.weight.positions[position]);
        let product = Product { rows: &starts, rounded: self.cut.rounded, channels, b, out: &ends, start: Start::Zero };
        let [first, end] = [part.0, part.0 + 1].map(|i| b.count() * i / part.1);
        // SAFETY: every start has `inputs` and every end `outputs` numbers of scratch, and nobody else uses this part.
        unsafe { product.run(first..end) };
    }

    /// Computes some tiles on this thread.
    fn piece(&self, tiles: Range<usize>, out: Shared) {
        let places = self.places(tiles);
        let strides = self.strides(places.len());
        ROOM.with_borrow_mut(|(transformed, products)| {
            let (from, to) = self.room(transformed, products, strides);
            self.input(&places, from, strides[0]);
            (0..self.weight.positions.len()).for_each(|i| self.multiply(i, (0, 1), places.len(), [from, to], strides));
            self.output(&places, to, strides[1], out);
        });
    }

    /// Computes all tiles at once. Each position is multiplied by some thread, so that each matrix is read only once.
    fn by_position(&self, out: Shared) {
        let places = self.places(0..self.cut.tiles);
        let strides = self.strides(places.len());
        let mut room = ROOM.take();
        let (from, to) = self.room(&mut room.0, &mut room.1, strides);
        let part = places.len().div_ceil(2 * rayon::current_num_threads());
        places.par_chunks(part).enumerate().for_each(|(i, places)| {
            self.input(places, from.offset(i * part * strides[0].tile * self.cut.bytes() / 4), strides[0]);
        });
        let positions = self.weight.positions.len();
        let parts = (2 * rayon::current_num_threads()).div_ceil(positions);
        (0..positions * parts).into_par_iter().for_each(|item| {
            self.multiply(item / parts, (item % parts, parts), places.len(), [from, to], strides);
        });
        places.par_chunks(part).enumerate().for_each(|(i, places)| {
            self.output(places, to.offset(i * part * strides[1].tile), strides[1], out);
        });
        ROOM.set(room);
    }

    fn room(&self, transformed: &mut Aligned, products: &mut Aligned, [wide, broad]: [Strides; 2]) -> (Shared, Shared) {
        let positions = self.weight.positions.len();
        let transformed = transformed.reserve((positions * wide.position * self.cut.bytes()).div_ceil(4));
        (Shared::new(transformed), Shared::new(products.reserve(positions * broad.position)))
    }
}
