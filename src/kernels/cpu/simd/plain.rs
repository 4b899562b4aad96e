//! What bf16 instructions do, without them.

use half::bf16;

use super::Simd;

#[inline(always)]
pub(super) unsafe fn dot<S: Simd>(a: S::V, b: S::V, c: S::V) -> S::V {
    let mut lanes = [[0f32; 16]; 3];
    // SAFETY: vectors have at most 16 lanes.
    unsafe {
        for (lanes, v) in lanes.iter_mut().zip([a, b, c]) {
            S::store(lanes.as_mut_ptr(), v);
        }
        let [a, b, mut c] = lanes;
        for (c, (a, b)) in c.iter_mut().zip(a.into_iter().zip(b)) {
            let [low, high] = [16, 0].map(|up| [a, b].map(|x| f32::from_bits(x.to_bits() << up & 0xFFFF_0000)));
            *c = S::mul_add(high[0], high[1], S::mul_add(low[0], low[1], *c));
        }
        S::load(c.as_ptr())
    }
}

#[inline(always)]
pub(super) unsafe fn narrow<S: Simd>(from: *const f32, to: *mut bf16, count: usize) {
    for i in 0..count {
        // SAFETY: the caller owns the numbers.
        unsafe { *to.add(i) = bf16::from_f32(*from.add(i)) };
    }
}

#[inline(always)]
pub(super) unsafe fn store_rounded<S: Simd>(to: *mut bf16, v: S::V) {
    let mut lanes = [0f32; 16];
    // SAFETY: vectors have at most 16 lanes; the caller owns `LANES` writable numbers.
    unsafe {
        S::store(lanes.as_mut_ptr(), v);
        narrow::<S>(lanes.as_ptr(), to, S::LANES);
    }
}

#[inline(always)]
pub(super) unsafe fn pair_rows<S: Simd>(low: *const f32, high: *const f32, to: *mut f32, count: usize) {
    for i in 0..count {
        // SAFETY: the caller owns the numbers.
        unsafe {
            let [low, high] = [low, high].map(|row| u32::from(bf16::from_f32(*row.add(i)).to_bits()));
            *to.add(i) = f32::from_bits(low | high << 16);
        }
    }
}
