//! The list of all measures. A new family of measures is a file of this folder and its name in two lines here.

mod collapse;
pub mod copying;
mod copying_gap;
mod drift;
mod effect;
mod feature_variety;
pub mod identity;
mod identity_masked;
mod leak;
mod memorisation;
pub mod probe_loss;
mod prompt_following;
mod variety;

use super::measure::Measure;

/// Every family of measures, in the order of the columns of `cells.csv`.
const FAMILIES: &[&[Measure]] = &[
    probe_loss::MEASURES,
    drift::MEASURES,
    copying::MEASURES,
    effect::MEASURES,
    variety::MEASURES,
    collapse::MEASURES,
    identity::MEASURES,
    prompt_following::MEASURES,
    copying_gap::MEASURES,
    feature_variety::MEASURES,
    leak::MEASURES,
    memorisation::MEASURES,
    identity_masked::MEASURES,
];

/// Every measure.
pub fn all() -> impl Iterator<Item = &'static Measure> {
    FAMILIES.iter().copied().flatten()
}

/// The measures that the stage `evaluate` computes.
pub fn of_pixels() -> impl Iterator<Item = &'static Measure> {
    all().filter(|measure| measure.is_of_pixels())
}

/// The measures of whole cells.
pub fn of_cells() -> impl Iterator<Item = &'static Measure> {
    all().filter(|measure| measure.is_of_cell())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_floors_and_ceilings_are_measures() {
        let names: BTreeSet<_> = all().map(|measure| (measure.is_of_cell(), measure.name)).collect();
        assert_eq!(names.len(), all().count());
        for measure in all() {
            let related = measure.floor.iter().chain(measure.ceiling);
            for name in related {
                assert!(all().any(|other| other.name == *name), "{} names {name}", measure.name);
            }
            assert!(measure.note.ends_with('.'), "{} is not explained in a sentence", measure.name);
        }
    }
}
