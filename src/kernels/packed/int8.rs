//! Frozen weights as 8-bit integers.

use candle_core::{DType, Result, Tensor};
use half::bf16;
use rayon::prelude::*;

use crate::kernels::simd::instructions::{Simd, Task};
use crate::kernels::workers::on_workers;

/// The most rows of a panel with any instructions.
const MAX_WIDTH: usize = 32;
/// The largest integer, of both signs.
const LARGEST: f32 = 127.;
/// 1.5 · 2²³: neighbouring f32 numbers of this size are whole numbers.
const WHOLE: f32 = 12_582_912.;

/// A matrix W `(out, in)` as integers and one factor for each row: `W = factor · integer`. The largest number of a row
/// becomes 127 or -127, so a number is off by half a factor at most, 0.4 % of its row's largest number.
pub(crate) struct Int8Rows {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Row by row.
    pub(crate) integers: Vec<i8>,
    /// `(rows)`, the largest absolute value of each row divided by 127.
    pub(crate) factors: Vec<f32>,
}

impl Int8Rows {
    /// Rounds a CPU matrix `(out, in)` of any float dtype, halfway cases to the even integer. Numbers that are not
    /// finite make their row so: nothing is hidden.
    pub(crate) fn of(weight: &Tensor) -> Result<Self> {
        let (rows, columns) = weight.dims2()?;
        let numbers = weight.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let (mut integers, mut factors) = (vec![0; numbers.len()], vec![0.; rows]);
        on_workers(|| {
            let rows = integers.par_chunks_exact_mut(columns).zip(numbers.par_chunks_exact(columns));
            rows.zip(&mut factors).for_each(|((integers, numbers), factor)| *factor = round(numbers, integers));
        });
        Ok(Self { rows, columns, integers, factors })
    }
}

/// Writes the integers of a row and returns its factor.
fn round(numbers: &[f32], integers: &mut [i8]) -> f32 {
    let larger = |a: f32, b: &f32| if b.abs() > a || b.is_nan() { b.abs() } else { a };
    let factor = numbers.iter().fold(0f32, larger) / LARGEST;
    if factor != 0. {
        for (integer, number) in integers.iter_mut().zip(numbers) {
            // Numbers of this size have no fraction: the sum is rounded, halfway cases to the even number. A call of
            // `round_ties_even` for each number would take most of the time of loading a model. A cast of what is not
            // finite gives 0 or the largest integer, and the row's factor is not finite.
            *integer = (number / factor + WHOLE - WHOLE) as i8;
        }
    }
    factor
}

/// Writes the numbers of a block of a panel, `[k][row]`. There is a factor for each row of the panel.
#[inline(always)]
pub(super) fn widen(integers: &[i8], factors: &[f32], to: &mut [f32]) {
    let width = factors.len();
    for (to, integers) in to.chunks_exact_mut(width).zip(integers.chunks_exact(width)) {
        for ((to, integer), factor) in to.iter_mut().zip(integers).zip(factors) {
            *to = f32::from(*integer) * factor;
        }
    }
}

/// Like [`widen`], in pairs of columns and rounded to bf16: `[k / 2][row][k % 2]`.
#[inline(always)]
pub(super) fn widen_pairs<S: Simd>(integers: &[i8], factors: &[f32], to: &mut [bf16]) {
    let width = 2 * factors.len();
    let mut wide = [0f32; 2 * MAX_WIDTH];
    for (to, integers) in to.chunks_exact_mut(width).zip(integers.chunks_exact(width)) {
        for ((wide, pair), factor) in
            wide.as_chunks_mut::<2>().0.iter_mut().zip(integers.as_chunks::<2>().0).zip(factors)
        {
            *wide = pair.map(|integer| f32::from(integer) * factor);
        }
        // SAFETY: a panel has at most `MAX_WIDTH` rows, and `to` has `width` numbers.
        unsafe { S::narrow(wide.as_ptr(), to.as_mut_ptr(), width) };
    }
}

/// Makes a block of integers a block of numbers.
pub(super) struct Widen<'a> {
    pub(super) integers: &'a [i8],
    pub(super) factors: &'a [f32],
    pub(super) pairs: bool,
    pub(super) to: &'a mut [f32],
}

impl Task for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.pairs {
            widen_pairs::<S>(self.integers, self.factors, as_pairs(self.to));
        } else {
            widen(self.integers, self.factors, self.to);
        }
    }
}

/// The same memory as bf16 numbers.
#[inline(always)]
pub(super) fn as_pairs(numbers: &mut [f32]) -> &mut [bf16] {
    // SAFETY: any bits are bf16 numbers, and f32 is aligned for them.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), 2 * numbers.len()) }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Halfway cases of both signs, the ends, and a row of zeros.
    #[test]
    fn numbers_are_rounded_to_the_nearest_integer_and_halves_to_the_even_one() {
        let first: Vec<f32> = (-254..=254).map(|half| half as f32 / 2.).collect();
        let row = |scale: f32| first.iter().map(move |x| x * scale);
        let numbers: Vec<f32> = row(1.).chain(row(0.)).chain(row(0.25)).collect();
        let rows = Int8Rows::of(&Tensor::from_vec(numbers, (3, first.len()), &Device::Cpu).unwrap()).unwrap();
        let expected: Vec<i8> = first.iter().map(|x| x.round_ties_even() as i8).collect();
        assert_eq!(rows.factors, [1., 0., 0.25]);
        let n = first.len();
        assert_eq!(rows.integers[..n], expected);
        assert!(rows.integers[n..2 * n].iter().all(|integer| *integer == 0));
        assert_eq!(rows.integers[2 * n..], expected);
    }
}
