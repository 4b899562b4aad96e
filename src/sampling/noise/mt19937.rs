//! The Mersenne Twister of 32-bit words, Matsumoto and Nishimura 1998.

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// MT19937 with the 2002 initialisation from one 32-bit seed.
#[derive(Clone, Debug)]
pub(super) struct Mt19937 {
    words: Vec<u32>,
    next: usize,
}

impl Mt19937 {
    pub(super) fn new(seed: u32) -> Self {
        let mut words = Vec::with_capacity(WORDS);
        let mut word = seed;
        words.push(word);
        for index in 1..WORDS as u32 {
            word = (word ^ (word >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index);
            words.push(word);
        }
        Self { words, next: WORDS }
    }

    /// The next 32 uniform bits.
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// 24 uniform bits as a number in [0, 1).
    pub(super) fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() & 0x00ff_ffff) as f32 * (1.0 / 16_777_216.0)
    }

    /// 53 uniform bits as a number in [0, 1); the first word drawn is the upper one.
    pub(super) fn uniform_f64(&mut self) -> f64 {
        let bits = (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32());
        (bits & ((1 << 53) - 1)) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let bits = (self.words[index] & 0x8000_0000) | (self.words[(index + 1) % WORDS] & 0x7fff_ffff);
            let mixed = (bits >> 1) ^ if bits & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[index] = self.words[(index + MIDDLE) % WORDS] ^ mixed;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_number_is_the_published_one() {
        // C++ standard, [rand.predef]: the 10000th number of a default-seeded mt19937.
        let mut engine = Mt19937::new(5489);
        let last = (0..10_000).map(|_| engine.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }
}
