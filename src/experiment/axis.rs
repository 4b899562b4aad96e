//! One axis of the sweep, and how people speak of it.

/// One axis of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The setting, e.g. `dataset.size`.
    pub key: String,
    /// Its values, in file order.
    pub values: Vec<toml::Value>,
}

/// The setting that most studies sweep.
const USUAL: &str = "dataset.size";
/// An axis of that setting, as it is written in `[sweep]`.
pub(super) const EXAMPLE: &str = "dataset.size = [5, 15]";

/// Whether a setting is the one that most studies sweep: the number of training photos.
#[must_use]
pub fn is_usual(key: &str) -> bool {
    key == USUAL
}

/// What the values of a setting count, in the singular: `photo` for `dataset.size`. `None` for settings that count
/// nothing, or things that are best called by the name of the setting.
#[must_use]
pub fn noun(key: &str) -> Option<&'static str> {
    is_usual(key).then_some("photo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_an_axis_of_the_usual_setting() {
        assert!(EXAMPLE.strip_prefix(USUAL).is_some_and(|rest| rest.starts_with(" = [")));
        assert_eq!([noun("dataset.size"), noun("train.rank")], [Some("photo"), None]);
    }
}
