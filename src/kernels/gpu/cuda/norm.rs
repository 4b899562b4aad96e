//! Group and layer normalisation.

use candle_core::{DType, Result, Tensor};

use super::address::{address, device};
use super::launch::{Argument, Grid, int, kernel, launch};
use super::output::{output, output_of};
use crate::kernels::layers::activation::Activation;
use crate::kernels::layers::norm::{GroupNorm, LayerNorm};

/// See [`layer_norm`](crate::kernels::layer_norm).
pub(crate) fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    let (x, n) = (x.contiguous()?, n.clone());
    let channels = n.affine.weight().elem_count();
    let (argument, again) = (x.detach(), n.clone());
    let grid = Grid::rows(x.elem_count() / channels, channels);
    let y = output_of([&x], x.shape(), move |grad| {
        let (x, affine) = (&argument, &again.affine);
        let dx = output(x, x.shape(), x.dtype())?;
        let arguments = [
            address(x)?.into(),
            address(affine.weight())?.into(),
            address(grad)?.into(),
            address(&dx)?.into(),
            int(channels)?,
            (again.eps as f32).into(),
        ];
        // SAFETY: each block reads and writes its row of `channels` numbers.
        unsafe { launch(device(x)?, &kernel("layer_norm_backward", x.dtype()), grid, &arguments)? };
        Ok([Some(dx)])
    })?;
    let arguments = [
        address(&x)?.into(),
        address(n.affine.weight())?.into(),
        address(n.affine.bias())?.into(),
        address(&y)?.into(),
        int(channels)?,
        (n.eps as f32).into(),
    ];
    // SAFETY: as above.
    unsafe { launch(device(&x)?, &kernel("layer_norm", x.dtype()), grid, &arguments)? };
    Ok(y)
}

/// The most pixels of one block of threads.
const ROWS: usize = 64;

/// A group normalisation of images of one size.
#[derive(Clone)]
struct Groups {
    norm: GroupNorm,
    images: usize,
    pixels: usize,
    channels: usize,
    /// The pixels of one block.
    rows: usize,
    silu: bool,
}

impl Groups {
    fn chunks(&self) -> usize {
        self.pixels.div_ceil(self.rows)
    }

    fn sizes(&self) -> Result<[Argument; 3]> {
        Ok([int(self.pixels)?, int(self.channels)?, int(self.norm.groups)?])
    }

    /// A tensor for two numbers of each channel in each chunk.
    fn parts(&self, x: &Tensor) -> Result<Tensor> {
        output(x, (self.images, self.chunks(), self.channels, 2), DType::F32)
    }

    /// A tensor for two numbers of each group.
    fn by_group(&self, x: &Tensor) -> Result<Tensor> {
        output(x, (self.images, self.norm.groups, 2), DType::F32)
    }

    /// The mean and 1 / deviation of the groups of each image.
    fn statistics(&self, x: &Tensor) -> Result<Tensor> {
        let (parts, statistics, on) = (self.parts(x)?, self.by_group(x)?, device(x)?);
        let [pixels, channels, _] = self.sizes()?;
        let arguments = [address(x)?.into(), address(&parts)?.into(), pixels, channels, int(self.rows)?];
        let grid = Grid::channels(self.chunks(), self.images, self.channels);
        // SAFETY: each block reads its chunk of its image and writes two numbers of each channel.
        unsafe { launch(on, &kernel("channel_statistics", x.dtype()), grid, &arguments)? };
        let [pixels, channels, groups] = self.sizes()?;
        let (rows, eps) = (int(self.rows)?, (self.norm.eps as f32).into());
        let arguments = [address(&parts)?.into(), address(&statistics)?.into(), pixels, channels, groups, rows, eps];
        // SAFETY: each block reads its group's numbers of all chunks and writes two.
        unsafe {
            launch(on, "group_statistics_f32", Grid::groups(self.norm.groups, self.images), &arguments)?;
        }
        Ok(statistics)
    }

    fn forward(&self, x: &Tensor, statistics: &Tensor, y: &Tensor) -> Result<()> {
        let affine = &self.norm.affine;
        let [pixels, channels, groups] = self.sizes()?;
        let arguments = [
            address(x)?.into(),
            address(statistics)?.into(),
            address(affine.weight())?.into(),
            address(affine.bias())?.into(),
            address(y)?.into(),
            pixels,
            channels,
            groups,
            int(self.silu.into())?,
        ];
        let grid = Grid::numbers(self.pixels * self.channels, self.images);
        // SAFETY: each thread reads and writes the number of its own place.
        unsafe { launch(device(x)?, &kernel("group_norm", x.dtype()), grid, &arguments) }
    }

    fn backward(&self, x: &Tensor, statistics: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (affine, on) = (&self.norm.affine, device(x)?);
        let (parts, means, dx) = (self.parts(x)?, self.by_group(x)?, output(x, x.shape(), x.dtype())?);
        let [pixels, channels, groups] = self.sizes()?;
        let arguments = [
            address(x)?.into(),
            address(grad)?.into(),
            address(statistics)?.into(),
            address(affine.weight())?.into(),
            address(affine.bias())?.into(),
            address(&parts)?.into(),
            pixels,
            channels,
            groups,
            int(self.rows)?,
            int(self.silu.into())?,
        ];
        let grid = Grid::channels(self.chunks(), self.images, self.channels);
        // SAFETY: each block reads its chunk of its image and writes two numbers of each channel.
        unsafe { launch(on, &kernel("channel_gradients", x.dtype()), grid, &arguments)? };
        let [pixels, channels, groups] = self.sizes()?;
        let chunks = int(self.chunks())?;
        let arguments = [address(&parts)?.into(), address(&means)?.into(), pixels, channels, groups, chunks];
        // SAFETY: each block reads its group's numbers of all chunks and writes two.
        unsafe {
            launch(on, "group_gradients_f32", Grid::groups(self.norm.groups, self.images), &arguments)?;
        }
        let [pixels, channels, groups] = self.sizes()?;
        let arguments = [
            address(x)?.into(),
            address(grad)?.into(),
            address(statistics)?.into(),
            address(&means)?.into(),
            address(affine.weight())?.into(),
            address(affine.bias())?.into(),
            address(&dx)?.into(),
            pixels,
            channels,
            groups,
            int(self.silu.into())?,
        ];
        let grid = Grid::numbers(self.pixels * self.channels, self.images);
        // SAFETY: each thread reads and writes the number of its own place.
        unsafe { launch(on, &kernel("group_norm_backward", x.dtype()), grid, &arguments)? };
        Ok(dx)
    }
}

/// See [`group_norm`](crate::kernels::group_norm).
pub(crate) fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    let x = x.contiguous()?;
    let (images, channels) = (x.dim(0)?, n.affine.weight().elem_count());
    let pixels = x.elem_count() / (images * channels).max(1);
    let rows = (pixels / 256).clamp(4, ROWS);
    let groups = Groups { norm: n.clone(), images, pixels, channels, rows, silu: act == Activation::Silu };
    let statistics = groups.statistics(&x)?;
    let (again, argument, kept) = (groups.clone(), x.detach(), statistics.clone());
    let y = output_of([&x], x.shape(), move |grad| Ok([Some(again.backward(&argument, &kept, grad)?)]))?;
    groups.forward(&x, &statistics, &y)?;
    Ok(y)
}
