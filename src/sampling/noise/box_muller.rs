//! The Box-Muller transform with the single-precision logarithm, sine and cosine that torch's AVX2 path
//! uses: the Cephes polynomials (S. L. Moshier, `logf.c`, `sinf.c`), every multiply-add fused.
//!
//! `f32::mul_add` rounds once on every processor, so the numbers do not depend on the machine.

/// Numbers transformed together: 8 radii, then 8 angles.
pub(super) const BLOCK: usize = 16;

/// Turns 16 uniform numbers in [0, 1) into 16 standard normal numbers, in place.
pub(super) fn transform(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (u1, u2) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * ln(1.0 - *u1)).sqrt();
        let (sine, cosine) = sin_cos(std::f32::consts::TAU * *u2);
        // Adding the mean 0 turns -0 into 0, as in torch.
        *u1 = radius * cosine + 0.0;
        *u2 = radius * sine + 0.0;
    }
}

/// Horner's scheme with fused steps, highest power first.
fn polynomial(x: f32, coefficients: &[f32]) -> f32 {
    coefficients.iter().fold(0.0, |sum, c| sum.mul_add(x, *c))
}

/// The natural logarithm of a normal positive number; here of 2⁻²⁴ to 1.
#[allow(clippy::excessive_precision)] // Cephes' own digits
fn ln(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_375;
    const LN2_LOW: f32 = -2.121_944_40e-4;
    const P: [f32; 9] = [
        7.037_683_629_2e-2,
        -1.151_461_031_0e-1,
        1.167_699_874_0e-1,
        -1.242_014_084_6e-1,
        1.424_932_278_7e-1,
        -1.666_805_766_5e-1,
        2.000_071_476_5e-1,
        -2.499_999_399_3e-1,
        3.333_333_117_4e-1,
    ];
    // x = m·2^e with m in [0.5, 1), then m in [√½, √2)
    let bits = x.to_bits();
    let mut exponent = ((bits >> 23) as i32 - 126) as f32;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let m = if mantissa < std::f32::consts::FRAC_1_SQRT_2 {
        exponent -= 1.0;
        mantissa - 1.0 + mantissa
    } else {
        mantissa - 1.0
    };
    let square = m * m;
    let y = (polynomial(m, &P) * m).mul_add(square, exponent * LN2_LOW);
    let y = (-0.5f32).mul_add(square, y);
    exponent.mul_add(LN2_HIGH, m + y)
}

/// Sine and cosine of an angle in [0, 2π).
#[allow(clippy::excessive_precision)] // Cephes' own digits
fn sin_cos(angle: f32) -> (f32, f32) {
    const FOUR_OVER_PI: f32 = 1.273_239_544_735_16;
    // π/4 in three parts
    const PI4_HIGH: f32 = -0.785_156_25;
    const PI4_MIDDLE: f32 = -2.418_756_484_985_351_562_5e-4;
    const PI4_LOW: f32 = -3.774_894_977_445_941_08e-8;
    let octant = ((angle * FOUR_OVER_PI) as i32 + 1) & !1;
    let y = octant as f32;
    let x = y.mul_add(PI4_HIGH, angle);
    let x = y.mul_add(PI4_MIDDLE, x);
    let x = y.mul_add(PI4_LOW, x);
    let z = x * x;
    let cosine = polynomial(z, &[2.443_315_711_809_948e-5, -1.388_731_625_493_765e-3, 4.166_664_568_298_827e-2]);
    let cosine = (cosine * z).mul_add(z, -(0.5 * z)) + 1.0;
    let sine = polynomial(z, &[-1.951_529_589_1e-4, 8.332_160_873_6e-3, -1.666_665_461_1e-1]);
    let sine = (sine * z).mul_add(x, x);
    let (s, c) = if octant & 2 == 0 { (sine, cosine) } else { (cosine, sine) };
    (if octant & 4 == 0 { s } else { -s }, if (octant - 2) & 4 == 0 { -c } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomials_are_accurate() {
        for i in 1..=4096 {
            let u = i as f32 / 4096.0;
            assert!((f64::from(ln(u)) - f64::from(u).ln()).abs() < 1e-6, "{u}");
            let angle = std::f32::consts::TAU * (u - 1.0 / 4096.0);
            let (sine, cosine) = sin_cos(angle);
            assert!((f64::from(sine) - f64::from(angle).sin()).abs() < 1e-6, "{angle}");
            assert!((f64::from(cosine) - f64::from(angle).cos()).abs() < 1e-6, "{angle}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_finite() {
        let mut block = [0.0; BLOCK];
        block[0] = 1.0 - 1.0 / 16_777_216.0;
        transform(&mut block);
        assert!(block.iter().all(|x| x.is_finite()));
        assert!((block[0] - 5.768_11).abs() < 1e-4);
        assert_eq!(block[1].to_bits(), 0);
    }
}
