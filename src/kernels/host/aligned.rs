//! Memory that starts at the beginning of a cache line.

/// Bytes in a cache line.
const LINE: usize = 64;

/// Numbers starting at a multiple of 64 bytes, so that vector loads do not straddle cache lines.
#[derive(Debug, Default)]
pub(crate) struct Aligned<T = f32> {
    memory: Vec<T>,
    skip: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `length` zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let spare = LINE / size_of::<T>() - 1;
        let memory = vec![T::default(); length + spare];
        let skip = memory.as_ptr().align_offset(LINE).min(spare);
        Self { memory, skip, length }
    }

    /// Makes room for at least `length` numbers. Their values are unspecified.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, length: usize) -> &mut [T] {
        if self.length < length {
            // Frees the old memory first, so that both are never held at once.
            *self = Self::default();
            *self = Self::zeros(length);
        }
        &mut self.memory[self.skip..self.skip + length]
    }
}

impl<T> std::ops::Deref for Aligned<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.memory[self.skip..self.skip + self.length]
    }
}

impl<T> std::ops::DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.skip..self.skip + self.length]
    }
}
