//! Numbers of eight bits, as f16, which has every one of them exactly.

use half::f16;

/// The type by safetensors' name, if it is one of the two that people use.
pub(super) fn decoder(dtype: &str) -> Option<fn(u8) -> f16> {
    match dtype {
        "F8_E4M3" => Some(e4m3),
        "F8_E5M2" => Some(e5m2),
        _ => None,
    }
}

/// torch's `float8_e4m3fn`: 1 sign, 4 exponent and 3 mantissa bits, bias 7, no infinities; all ones is NaN.
/// <https://arxiv.org/abs/2209.05433>
fn e4m3(byte: u8) -> f16 {
    let (sign, exponent, mantissa) = (if byte >> 7 == 1 { -1.0 } else { 1.0 }, (byte >> 3) & 15, f32::from(byte & 7));
    f16::from_f32(match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => sign * mantissa / 512.0,
        _ => sign * (1.0 + mantissa / 8.0) * 2f32.powi(i32::from(exponent) - 7),
    })
}

/// torch's `float8_e5m2`: the upper half of an f16.
fn e5m2(byte: u8) -> f16 {
    f16::from_bits(u16::from(byte) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_torch() {
        // torch.tensor([…], dtype=torch.uint8).view(torch.float8_e4m3fn), the same for e5m2.
        for (byte, e4, e5) in [
            (0x00, 0.0, 0.0),
            (0x01, 0.001_953_125, 1.525_878_9e-5),
            (0x38, 1.0, 0.5),
            (0x7e, 448.0, f32::NAN),
            (0xb9, -1.125, -0.625),
            (0x08, 0.015_625, 0.000_122_070_31),
            (0x7b, 352.0, 57344.0),
        ] {
            assert_eq!(e4m3(byte).to_f32(), e4, "{byte:x}");
            let ours = e5m2(byte).to_f32();
            assert!(ours == e5 || (ours.is_nan() && e5.is_nan()), "{byte:x}: {ours}");
        }
        assert!(e4m3(0x7f).is_nan() && e4m3(0xff).is_nan() && e5m2(0x7c).is_infinite());
    }
}
