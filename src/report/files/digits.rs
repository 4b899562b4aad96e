//! How many digits a number of a table has.

use std::borrow::Cow;

/// A number of a training with the digits that it has. Most were computed as `f32` and stored with the digits of an
/// `f64`, of which half say nothing; read as `f32` the short text is the same number.
pub(super) fn short(field: &str) -> Cow<'_, str> {
    let single = field.parse::<f64>().ok().filter(|v| f64::from(*v as f32) == *v).map(|v| (v as f32).to_string());
    single.filter(|text| text.len() < field.len()).map_or(Cow::Borrowed(field), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_of_a_training_have_their_own_digits() {
        let fields =
            ["0.6629114151000977", "0.003994440720037538", "0.320000", "12", "", "train", "1e-9", "NaN", "16777217"];
        let expected = ["0.6629114", "0.003994440720037538", "0.320000", "12", "", "train", "1e-9", "NaN", "16777217"];
        assert_eq!(fields.map(short), expected);
        assert_eq!("0.6629114".parse::<f32>().map(f64::from), "0.6629114151000977".parse());
    }
}
