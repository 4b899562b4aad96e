//! Memory that starts at a cache line.

/// Numbers starting at a multiple of 64 bytes, so that vector loads do not straddle cache lines.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    memory: Vec<f32>,
    skip: usize,
    length: usize,
}

impl Aligned {
    /// `length` zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let memory = vec![0f32; length + 15];
        let skip = memory.as_ptr().align_offset(64).min(15);
        Self { memory, skip, length }
    }

    /// Makes room for at least `length` numbers; what they are is not said.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, length: usize) -> &mut [f32] {
        if self.length < length {
            *self = Self::zeros(length);
        }
        &mut self.memory[self.skip..self.skip + length]
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.memory[self.skip..self.skip + self.length]
    }
}

impl std::ops::DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.skip..self.skip + self.length]
    }
}
