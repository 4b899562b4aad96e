//! The choice between the instruction sets at run time.

use super::instructions::{Simd, Task};
#[cfg(target_arch = "x86_64")]
use super::level::Level;
use super::level::level;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Runs `task` with the best instructions this machine has.
pub(crate) fn dispatch<T: Task>(task: T) -> T::Output {
    match level() {
        // SAFETY: `level` found the instructions on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Bf16 => unsafe { x86::run_avx512_bf16(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::run_avx512(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::run_avx2(task) },
        _ => task.run::<Portable>(),
    }
}

/// The columns of a register tile on this machine, which is also the width of packed panels.
pub(crate) fn tile_width() -> usize {
    struct Width;
    impl Task for Width {
        type Output = usize;
        #[inline(always)]
        fn run<S: Simd>(self) -> usize {
            2 * S::LANES
        }
    }
    dispatch(Width)
}

/// Whether this CPU has instructions for bf16 and rounds activations to bf16 when it multiplies them with bf16 weights.
#[must_use]
pub fn multiplies_bf16() -> bool {
    struct Pairs;
    impl Task for Pairs {
        type Output = bool;
        #[inline(always)]
        fn run<S: Simd>(self) -> bool {
            S::PAIRS
        }
    }
    dispatch(Pairs)
}
