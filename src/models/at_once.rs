//! How many samples go through the UNet at once.

use candle_core::Device;

/// Latents of one image of 512 × 512 pixels.
const ONE_LARGE_IMAGE: usize = 64 * 64;

/// How many samples of `latents` (height times width) go through the UNet at once, where `wanted` were asked for. Never less on a CPU than
/// take no more room than one image of 512 × 512 pixels: no number there depends on its neighbours in a batch, and small samples alone
/// are too little work for many threads.
#[must_use]
pub(crate) fn at_once(device: &Device, latents: usize, wanted: usize) -> usize {
    let fitting = if device.is_cpu() { ONE_LARGE_IMAGE / latents.max(1) } else { 1 };
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
