//! Random numbers: torch's CPU generator, bit for bit, and the seeds of independent streams.
//!
//! `TorchRng::new(seed)` gives the numbers of `torch.Generator("cpu").manual_seed(seed)`, so an image
//! made here and one made by diffusers with the same seed start from the same latents, on any device.

mod box_muller;
mod mt19937;

use candle_core::{Device, Result, Tensor};
use mt19937::Mt19937;

/// The state of `torch.Generator("cpu")`: a Mersenne Twister and the second number of an unfinished
/// Box-Muller pair.
///
/// ModelSources: `aten/src/ATen/core/MT19937RNGEngine.h`, `DistributionsHelper.h` and
/// `native/cpu/DistributionTemplates.h` of torch 2.15. Numbers agree with torch builds for x86-64 with
/// AVX2 (which is nearly all of them); torch itself gives numbers up to a few ulp away on other processors.
#[derive(Clone, Debug)]
pub struct TorchRng {
    engine: Mt19937,
    pending: Option<f64>,
}

impl TorchRng {
    /// `torch.Generator("cpu").manual_seed(seed)`; like torch, only the lower 32 bits of the seed count.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { engine: Mt19937::new(seed as u32), pending: None }
    }

    /// `torch.randn(shape, generator=self)`: standard normal numbers, f32, in row-major order.
    ///
    /// Draws of 16 numbers and more take two uniform numbers of 24 bits per pair, in blocks of 16; shorter
    /// draws take two of 53 bits and keep the unused one for the next short draw.
    pub fn randn(&mut self, shape: &[usize]) -> Vec<f32> {
        let count = shape.iter().product();
        if count < box_muller::BLOCK {
            return (0..count).map(|_| self.normal_f64() as f32).collect();
        }
        let mut numbers = self.rand(shape);
        for block in numbers.chunks_exact_mut(box_muller::BLOCK) {
            box_muller::transform(block);
        }
        if count % box_muller::BLOCK != 0 {
            let tail = &mut numbers[count - box_muller::BLOCK..];
            tail.fill_with(|| self.engine.uniform_f32());
            box_muller::transform(tail);
        }
        numbers
    }

    /// [`Self::randn`] as an f32 tensor on the CPU.
    pub fn randn_tensor(&mut self, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_vec(self.randn(shape), shape, &Device::Cpu)
    }

    /// `torch.rand(shape, generator=self)`: uniform numbers in [0, 1), multiples of 2⁻²⁴, f32.
    pub fn rand(&mut self, shape: &[usize]) -> Vec<f32> {
        (0..shape.iter().product()).map(|_| self.engine.uniform_f32()).collect()
    }

    /// One integer in `0..bound`, as `torch.randint(bound, (1,), generator=self)` gives for bounds up to 2³²−1.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "an integer below 0 does not exist");
        self.engine.next_u32() % bound
    }

    /// Torch's `normal_distribution<double>`: the Box-Muller transform of two 53-bit uniform numbers; the
    /// sine half is kept for the next call.
    fn normal_f64(&mut self) -> f64 {
        if let Some(sine_half) = self.pending.take() {
            return sine_half;
        }
        let u1 = self.engine.uniform_f64();
        let u2 = self.engine.uniform_f64();
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * u1;
        self.pending = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// The seed of an independent stream: a pure function of the study's seed, what the numbers are for, the
/// step and the item within it. Data order, noise and timesteps come from such streams, so a resumed run
/// draws what an undisturbed one draws.
///
/// The bytes of `purpose`, its length, `step` and `item` are absorbed one after the other into a
/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c) finaliser. Stable: stored results depend on it.
#[must_use]
pub fn derive(seed: u64, purpose: &str, step: u64, item: u64) -> u64 {
    fn absorb(state: u64, value: u64) -> u64 {
        let mut z = (state ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    let named = purpose.bytes().fold(absorb(0, seed), |state, byte| absorb(state, u64::from(byte)));
    absorb(absorb(absorb(named, purpose.len() as u64), step), item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        seed: u64,
        /// ("randn" | "rand" | "randint", size, bits)
        draws: Vec<(String, usize, Vec<u32>)>,
    }

    fn golden() -> Vec<Case> {
        serde_json::from_str(include_str!("../../../tests/golden/noise/torch.json")).unwrap()
    }

    #[test]
    fn successive_draws_equal_torch_bit_for_bit() {
        for Case { seed, draws } in golden() {
            let mut rng = TorchRng::new(seed);
            for (place, (what, size, bits)) in draws.into_iter().enumerate() {
                let got: Vec<u32> = match what.as_str() {
                    "randn" => rng.randn(&[size]).into_iter().map(f32::to_bits).collect(),
                    "rand" => rng.rand(&[size]).into_iter().map(f32::to_bits).collect(),
                    _ => (0..size).map(|_| rng.below(1000)).collect(),
                };
                if let [sum] = bits[..]
                    && size > 1
                {
                    let fnv = got.iter().fold(0x811c_9dc5u32, |h, b| (h ^ b).wrapping_mul(0x0100_0193));
                    assert_eq!(fnv, sum, "seed {seed}, draw {place}: {what} of {size}");
                } else {
                    assert_eq!(got, bits, "seed {seed}, draw {place}: {what} of {size}");
                }
            }
        }
    }

    #[test]
    fn empty_draws_leave_the_state_alone() {
        let mut rng = TorchRng::new(3);
        assert!(rng.randn(&[0, 4]).is_empty());
        assert_eq!(rng.randn(&[20]), TorchRng::new(3).randn(&[20]));
    }

    #[test]
    fn streams_are_stable_and_distinct() {
        // Stored results depend on this number.
        assert_eq!(derive(0, "noise", 0, 0), 1_157_719_218_787_438_306);
        let mut seen = std::collections::BTreeSet::new();
        for seed in [0, 1, u64::MAX] {
            for purpose in ["", "noise", "noisf", "timestep"] {
                for step in 0..20 {
                    for item in 0..20 {
                        assert!(seen.insert(derive(seed, purpose, step, item) as u32));
                    }
                }
            }
        }
    }
}
