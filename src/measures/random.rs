//! Random numbers that any program can draw again.

/// SplitMix64 (Steele, Lea and Flood 2014): 64 bits of state, every seed gives its own sequence.
#[derive(Clone, Debug)]
pub(in crate::measures) struct Random(u64);

impl Random {
    pub(in crate::measures) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::measures) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `n`: the upper 64 bits of `next × n`. The bias is below n / 2⁶⁴.
    pub(in crate::measures) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Puts a list into random order (Fisher and Yates, from the end).
    pub(in crate::measures) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number of the normal distribution, for simulations (Box and Muller).
    #[cfg(test)]
    pub(in crate::measures) fn normal(&mut self) -> f64 {
        let mut unit = || (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        let (a, b) = (1.0 - unit(), unit());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
