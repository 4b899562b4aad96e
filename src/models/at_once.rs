//! How many samples go through the denoiser at once.

use candle_core::Device;

/// Latents of one image of 512 × 512 pixels.
const ONE_LARGE_IMAGE: usize = 64 * 64;

/// How many samples of `latents` places (height times width) go through the denoiser at once, where `wanted` were asked
/// for. On a CPU, small samples are batched until they fill the space of one image of 512 × 512 pixels: results do not
/// depend on the batch there, and single small samples leave threads idle.
#[must_use]
pub(crate) fn at_once(device: &Device, latents: usize, wanted: usize) -> usize {
    at_once_on(device.is_cpu(), latents, wanted)
}

/// The same for a device that need not be here.
#[must_use]
pub(crate) fn at_once_on(is_cpu: bool, latents: usize, wanted: usize) -> usize {
    let fitting = if is_cpu { ONE_LARGE_IMAGE / latents.max(1) } else { 1 };
    wanted.max(fitting).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_go_together() {
        let n = |side: usize, wanted| at_once(&Device::Cpu, side * side, wanted);
        assert_eq!([n(16, 1), n(64, 1), n(96, 1), n(16, 40), n(0, 0)], [16, 1, 1, 40, 4096]);
    }
}
