//! What a cell has of each stage: keys while it is planned, jobs afterwards.

use std::collections::BTreeMap;

use super::name::Stage;

/// A list for each stage, in the order of the stages. Most stages of a cell have one job. Some have several, for
/// example one for each encoder; then the first one is the one that other stages mean when they name the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByStage<T>(BTreeMap<Stage, Vec<T>>);

impl<T> Default for ByStage<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> ByStage<T> {
    /// Adds an item at the end of the stage's list.
    pub fn add(&mut self, stage: Stage, item: T) {
        self.0.entry(stage).or_default().push(item);
    }

    /// The first item of a stage. `None` if there is none.
    #[must_use]
    pub fn one(&self, stage: Stage) -> Option<&T> {
        self.all(stage).first()
    }

    /// All items of a stage.
    #[must_use]
    pub fn all(&self, stage: Stage) -> &[T] {
        self.0.get(&stage).map_or(&[], Vec::as_slice)
    }

    /// Every item with its stage.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, &T)> {
        self.0.iter().flat_map(|(stage, items)| items.iter().map(|item| (*stage, item)))
    }
}

impl<T> FromIterator<(Stage, T)> for ByStage<T> {
    fn from_iter<I: IntoIterator<Item = (Stage, T)>>(items: I) -> Self {
        let mut out = Self::default();
        items.into_iter().for_each(|(stage, item)| out.add(stage, item));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_item_of_a_stage_is_the_one() {
        let items: ByStage<u8> = [(Stage::Train, 1), (Stage::Baseline, 2), (Stage::Train, 3)].into_iter().collect();
        assert_eq!((items.one(Stage::Train), items.one(Stage::Prepare)), (Some(&1), None));
        assert_eq!((items.all(Stage::Train), items.all(Stage::Prepare)), (&[1, 3][..], &[][..]));
        let all: Vec<_> = items.iter().map(|(stage, item)| (stage, *item)).collect();
        assert_eq!(all, [(Stage::Baseline, 2), (Stage::Train, 1), (Stage::Train, 3)]);
    }
}
