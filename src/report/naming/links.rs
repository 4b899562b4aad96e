//! Links to the images of some settings.

use crate::report::data::StudyData;
use crate::report::naming::choice::{Choice, choices};

/// What the address says of the tabs and sliders over the images, so that these values are chosen: `0.1,2.0`, the place
/// of each choice and of its value. Settings that are columns have no choice.
pub(crate) fn chosen(data: &StudyData, settings: &[(&str, &str)]) -> String {
    let place = |(i, choice): (usize, &Choice)| {
        let (_, wanted) = settings.iter().find(|(key, _)| *key == choice.key)?;
        Some(format!("{i}.{}", choice.values.iter().position(|value| value == wanted)?))
    };
    choices(data).iter().enumerate().filter_map(place).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn only_settings_that_are_chosen_are_named() {
        let data = fixture::two_axes();
        assert_eq!(chosen(&data, &[("dataset.size", "4"), ("train.rank", "16")]), "0.1");
        assert_eq!(chosen(&data, &[("dataset.size", "4")]), "");
    }
}
