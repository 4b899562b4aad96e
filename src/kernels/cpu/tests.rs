//! The building blocks against plain f64 loops, with the best instructions of this machine.

use half::{bf16, f16};

use super::math::{erf, exp, exp2};
use super::product::{Start, matmul, multiply};
use crate::kernels::host::fresh::Shared;
use crate::kernels::packed::panels::Panels;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};
use crate::kernels::simd::portable::Portable;

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.
    };
    (0..count).map(|_| next()).collect()
}

/// Rows, columns and depths of products. Miri gets the smallest ones, as it does only some thousand multiply-adds per
/// second.
fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
    let all = [
        (1, 1, 1),
        (5, 17, 3),
        (2, 3, 385),
        (1, 3, 769),
        (13, 33, 5),
        (6, 16, 384),
        (7, 64, 48),
        (13, 33, 385),
        (97, 40, 1000),
        (200, 7, 70),
        (3, 100, 769),
        (2, 64, 1538),
    ];
    all.into_iter().filter(|(m, n, k)| !cfg!(miri) || m * n * k < 3000)
}

#[test]
fn products_of_awkward_shapes_equal_f64() {
    for (m, n, k) in shapes() {
        let (a, b) = (numbers(m * k, 1), numbers(n * k, 2));
        let bias: Vec<f32> = numbers(n, 3).into_iter().chain(std::iter::repeat_n(0., 64)).collect();
        let panels = Panels::pack(n, k, |n, k0| b[n * k + k0]);
        let c = matmul(&a, panels.view(), Some(&bias));
        for (i, &c) in c.iter().enumerate() {
            let (row, column) = (i / n, i % n);
            let exact: f64 = (0..k).map(|k0| f64::from(a[row * k + k0]) * f64::from(b[column * k + k0])).sum();
            let exact = exact + f64::from(bias[column]);
            assert!((f64::from(c) - exact).abs() < 1e-5 * (k as f64).sqrt(), "{m}×{n}×{k}: {c} {exact}");
        }
        // A row alone gives the same numbers, and `Start::Keep` adds to the numbers that are there.
        assert_eq!(matmul(&a[(m - 1) * k..], panels.view(), Some(&bias)), c[(m - 1) * n..]);
        let mut kept = c.clone();
        // SAFETY: `kept` has the rows and columns of the product.
        unsafe { multiply(&a, panels.view(), Start::Keep, Shared::new(&mut kept), 0..panels.view().count()) };
        let zero = matmul(&a, panels.view(), None);
        assert!(kept.iter().zip(&c).zip(&zero).all(|((kept, c), zero)| (kept - c - zero).abs() < 1e-4));
    }
}

#[test]
fn products_with_the_transposed_matrix_equal_f64() {
    for (m, n, k) in shapes() {
        let (a, b) = (numbers(m * n, 1), numbers(n * k, 2));
        let packs = [
            (Panels::pack(n, k, |n, k0| b[n * k + k0]), 0.),
            (halves(false, n, k, &b), 4e-3),
            // The rows are rounded, too.
            (halves(true, n, k, &b), 8e-3),
            (Panels::pack(n, k, |n, k0| f16::from_f32(b[n * k + k0])), 5e-4),
        ];
        for (panels, rounding) in packs {
            let c = matmul(&a, panels.transposed(0, -0.5), None);
            for (i, &c) in c.iter().enumerate() {
                let (row, column) = (i / k, i % k);
                let exact: f64 = (0..n).map(|j| f64::from(a[row * n + j]) * f64::from(b[j * k + column])).sum();
                let error = (f64::from(c) + 0.5 * exact).abs();
                assert!(error < (1e-5 + rounding) * (n as f64).sqrt(), "{m}×{n}×{k}: {c} {exact}");
            }
        }
    }
}

/// The matrix `b` in bf16, which is multiplied in pairs or widened.
fn halves(pairs: bool, n: usize, k: usize, b: &[f32]) -> Panels {
    Panels::fill_as(pairs, 1, n, k, |n, k0, number: &mut [bf16]| number[0] = bf16::from_f32(b[n * k + k0]))
}

#[test]
fn products_of_pairs_equal_f64_on_rounded_numbers() {
    for (m, n, k) in shapes() {
        let (a, b) = (numbers(m * k, 1), numbers(n * k, 2));
        let round = |x: &f32| f64::from(bf16::from_f32(*x).to_f32());
        let (panels, turned) = (halves(true, n, k, &b), halves(true, k, n, &transposed(&b, n, k)));
        let bias: Vec<f32> = numbers(n, 3).into_iter().chain(std::iter::repeat_n(0., 64)).collect();
        let c = matmul(&a, panels.view(), Some(&bias));
        for (i, &c) in c.iter().enumerate() {
            let (row, column) = (i / n, i % n);
            let products = (0..k).map(|k0| round(&a[row * k + k0]) * round(&b[column * k + k0]));
            let exact = products.sum::<f64>() + f64::from(bias[column]);
            assert!((f64::from(c) - exact).abs() < 1e-5 * (k as f64).sqrt(), "{m}×{n}×{k}: {c} {exact}");
        }
        assert_eq!(matmul(&a, turned.transposed(0, 1.), Some(&bias)), c, "{m}×{n}×{k}");
        assert_eq!(matmul(&a, panels.transpose(&[(0, 1.)]).transposed(0, 1.), Some(&bias)), c, "{m}×{n}×{k}");
        assert_eq!(matmul(&a[(m - 1) * k..], panels.view(), Some(&bias)), c[(m - 1) * n..]);
    }
}

fn transposed(b: &[f32], n: usize, k: usize) -> Vec<f32> {
    (0..k * n).map(|i| b[i % n * k + i / n]).collect()
}

#[test]
fn half_precision_weights_are_widened_exactly() {
    let (m, n, k) = if cfg!(miri) { (3, 18, 21) } else { (7, 37, 500) };
    let (a, b) = (numbers(m * k, 1), numbers(n * k, 2));
    let narrow = halves(false, n, k, &b);
    let wide = Panels::pack(n, k, |n, k0| bf16::from_f32(b[n * k + k0]).to_f32());
    assert_eq!(matmul(&a, narrow.view(), None), matmul(&a, wide.view(), None));
}

/// Largest relative error of `exp` and `exp2` and absolute error of `erf` against f64.
struct Errors;

impl Task for Errors {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<S: Simd>(self) -> (f64, f64) {
        let mut worst = (0f64, 0f64);
        for i in (0..200_000).step_by(if cfg!(miri) { 4999 } else { 1 }) {
            let x = (i as f32 / 100_000. - 1.) * 87.;
            let exact = f64::from(x).exp();
            worst.0 = worst.0.max((f64::from(exp::<S>(x)) - exact).abs() / exact);
            let exact = f64::from(x).exp2();
            worst.0 = worst.0.max((f64::from(exp2::<S>(x)) - exact).abs() / exact);
            let x = x / 20.;
            worst.1 = worst.1.max((f64::from(erf::<S>(x)) - candle_core::cpu::erf::erf_f64(f64::from(x))).abs());
        }
        worst
    }
}

#[test]
fn exp_and_erf_are_accurate() {
    for (exp, erf) in [dispatch(Errors), Errors.run::<Portable>()] {
        assert!(exp < 1.2e-7 && erf < 1.2e-7, "exp {exp:e}, erf {erf:e}");
    }
}

/// `exp2` at the ends of its range.
struct Edges;

impl Task for Edges {
    type Output = [f32; 6];

    #[inline(always)]
    fn run<S: Simd>(self) -> [f32; 6] {
        [f32::NAN, f32::NEG_INFINITY, -200., -126., 0., 512.].map(|x| exp2::<S>(x))
    }
}

#[test]
fn exp2_keeps_nan_and_stays_in_range() {
    for [nan, least, low, edge, one, high] in [dispatch(Edges), Edges.run::<Portable>()] {
        assert!(nan.is_nan());
        assert_eq!([least, low, edge], [f32::MIN_POSITIVE; 3]);
        // Two to the power of 126, to the bit.
        assert_eq!((one, high), (1., f32::from_bits((126 + 127) << 23)));
    }
}

/// The errors of the instructions for pairs.
struct Dot;

impl Task for Dot {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<f32> {
        let (x, y) = (numbers(2 * S::LANES, 1), numbers(2 * S::LANES, 2));
        let (mut a, mut b, mut c) = ([0f32; 16], [0f32; 16], [0f32; 16]);
        // SAFETY: arrays of at least `LANES` numbers; instructions are there where `dispatch` says so.
        unsafe {
            S::pair_rows(x.as_ptr(), x[S::LANES..].as_ptr(), a.as_mut_ptr(), S::LANES);
            S::pair_rows(y.as_ptr(), y[S::LANES..].as_ptr(), b.as_mut_ptr(), S::LANES);
            S::store(c.as_mut_ptr(), S::dot(S::load(a.as_ptr()), S::load(b.as_ptr()), S::splat(0.5)));
        }
        let exact =
            |i: usize| [i, i + S::LANES].map(|i| f64::from(bf16::from_f32(x[i])) * f64::from(bf16::from_f32(y[i])));
        (0..S::LANES).map(|i| c[i] - (0.5 + exact(i).iter().sum::<f64>()) as f32).collect()
    }
}

#[test]
fn pairs_are_multiplied_with_and_without_instructions() {
    for errors in [dispatch(Dot), Dot.run::<Portable>()] {
        assert!(errors.iter().all(|error| error.abs() < 1e-6), "{errors:?}");
    }
}
