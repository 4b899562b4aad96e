//! What to do when numbers are no longer finite.

use candle_core::DType;

/// Advice for activations that overflowed, depending on their type: only f16 has a smaller range than f32. The advice
/// begins with a comma, or is empty.
pub(crate) fn other_dtype(activations: DType) -> &'static str {
    match activations {
        DType::F16 => ", or a base model in f32 or bf16 instead of f16",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_f16_is_advised_against() {
        assert!(other_dtype(DType::F16).contains("f32 or bf16"));
        assert_eq!((other_dtype(DType::F32), other_dtype(DType::BF16)), ("", ""));
    }
}
