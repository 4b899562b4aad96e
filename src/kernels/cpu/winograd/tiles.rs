//! Both ends of a Winograd convolution: from pixels to transformed tiles, and from products to pixels.

use half::bf16;

use super::transform::{Four, Transform, Two, add};
use crate::kernels::host::fresh::Shared;
use crate::kernels::layers::conv::geometry::Geometry;
use crate::kernels::packed::winograd::Size;
use crate::kernels::simd::instructions::{Simd, Task};

/// The first output pixel of a tile.
pub(super) struct Place {
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
}

/// `Bᵀ d B` of some tiles, `[position][tile][stride]`.
pub(super) struct Input<'a> {
    pub(super) g: &'a Geometry,
    pub(super) size: Size,
    pub(super) places: &'a [Place],
    pub(super) x: &'a [f32],
    /// Where the first tile goes, with room for `(m+2)²` positions of [`Strides`].
    pub(super) to: Shared,
    pub(super) strides: Strides,
    /// Whether bf16 numbers are written, twice as many in the same memory.
    pub(super) rounded: bool,
}

/// Distances in scratch, counted in numbers.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    /// The distance between tiles, a multiple of 16.
    pub(super) tile: usize,
    /// The distance between positions.
    pub(super) position: usize,
}

impl Task for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.size {
            Size::Two => self.tiles::<S, Two, 4, 2>(),
            Size::Four => self.tiles::<S, Four, 6, 4>(),
        }
    }
}

impl Input<'_> {
    #[inline(always)]
    fn tiles<S: Simd, T: Transform<N, M>, const N: usize, const M: usize>(self) {
        let Self { g, places, x, to, strides: Strides { tile: stride, position }, rounded, .. } = self;
        let to = to.at(0);
        for (tile, place) in places.iter().enumerate() {
            // The address of every pixel; null outside the map.
            let mut pixels = [[std::ptr::null::<f32>(); N]; N];
            for (i, row) in pixels.iter_mut().enumerate() {
                for (j, pixel) in row.iter_mut().enumerate() {
                    // Outside the map these wrap around to huge numbers.
                    let (py, px) = ((place.y + i).wrapping_sub(g.top), (place.x + j).wrapping_sub(g.left));
                    if py < g.height && px < g.width {
                        *pixel = x[((place.image * g.height + py) * g.width + px) * g.in_channels..].as_ptr();
                    }
                }
            }
            for channel in (0..g.in_channels).step_by(S::LANES) {
                let lanes = S::LANES.min(g.in_channels - channel);
                // SAFETY: `dispatch` vouches for `S`; every pixel has `in_channels` numbers; `to` has `stride` numbers
                // per tile and position, a multiple of 16.
                unsafe {
                    let mut d = [[S::splat(0.); N]; N];
                    for (row, addresses) in d.iter_mut().zip(&pixels) {
                        for (v, address) in row.iter_mut().zip(addresses) {
                            if !address.is_null() {
                                *v = load_some::<S>(address.add(channel), lanes);
                            }
                        }
                        *row = T::input::<S>(*row);
                    }
                    for j in 0..N {
                        let mut column = [S::splat(0.); N];
                        for (v, row) in column.iter_mut().zip(&d) {
                            *v = row[j];
                        }
                        for (i, v) in T::input::<S>(column).into_iter().enumerate() {
                            let index = (i * N + j) * position + tile * stride + channel;
                            if rounded {
                                S::store_rounded(to.cast::<bf16>().add(index), v);
                            } else {
                                S::store(to.add(index), v);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `Aᵀ m A` plus bias, written to the output pixels that exist.
pub(super) struct Output<'a> {
    pub(super) g: &'a Geometry,
    pub(super) size: Size,
    pub(super) places: &'a [Place],
    /// Where the first tile's products lie.
    pub(super) from: Shared,
    pub(super) strides: Strides,
    /// The bias, padded to whole panels.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) out: Shared,
}

impl Task for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.size {
            Size::Two => self.tiles::<S, Two, 4, 2>(),
            Size::Four => self.tiles::<S, Four, 6, 4>(),
        }
    }
}

impl Output<'_> {
    #[inline(always)]
    fn tiles<S: Simd, T: Transform<N, M>, const N: usize, const M: usize>(self) {
        let Self { g, places, from, strides: Strides { tile: stride, position }, bias, out, .. } = self;
        let from = from.at(0).cast_const();
        for (tile, place) in places.iter().enumerate() {
            let (height, width) = (M.min(g.out_height - place.y), M.min(g.out_width - place.x));
            for channel in (0..g.out_channels).step_by(S::LANES) {
                let lanes = S::LANES.min(g.out_channels - channel);
                // SAFETY: `dispatch` vouches for `S`; `from` has `stride` numbers per tile and position, a multiple of
                // 16; the output pixels of a tile belong to this call alone.
                unsafe {
                    let start = match bias {
                        Some(bias) => S::load(bias[channel..channel + S::LANES].as_ptr()),
                        None => S::splat(0.),
                    };
                    let mut half = [[S::splat(0.); N]; M];
                    for j in 0..N {
                        let mut column = [start; N];
                        for (i, v) in column.iter_mut().enumerate() {
                            *v = S::load(from.add((i * N + j) * position + tile * stride + channel));
                        }
                        for (row, v) in half.iter_mut().zip(T::output::<S>(column)) {
                            row[j] = v;
                        }
                    }
                    for (i, row) in half.into_iter().enumerate().take(height) {
                        let pixel =
                            ((place.image * g.out_height + place.y + i) * g.out_width + place.x) * g.out_channels;
                        for (j, v) in T::output::<S>(row).into_iter().enumerate().take(width) {
                            store_some::<S>(out.at(pixel + j * g.out_channels + channel), lanes, add::<S>(v, start));
                        }
                    }
                }
            }
        }
    }
}

/// Loads the first `lanes` numbers at an address, followed by zeros.
#[inline(always)]
unsafe fn load_some<S: Simd>(from: *const f32, lanes: usize) -> S::V {
    // SAFETY: the caller owns `lanes` readable numbers there.
    unsafe {
        if lanes == S::LANES {
            return S::load(from);
        }
        let mut edge = [0f32; 16];
        std::ptr::copy_nonoverlapping(from, edge.as_mut_ptr(), lanes);
        S::load(edge.as_ptr())
    }
}

/// Writes the first `lanes` numbers of a vector.
#[inline(always)]
unsafe fn store_some<S: Simd>(to: *mut f32, lanes: usize, v: S::V) {
    // SAFETY: the caller owns `lanes` writable numbers there.
    unsafe {
        if lanes == S::LANES {
            return S::store(to, v);
        }
        let mut edge = [0f32; 16];
        S::store(edge.as_mut_ptr(), v);
        std::ptr::copy_nonoverlapping(edge.as_ptr(), to, lanes);
    }
}
