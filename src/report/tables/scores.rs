//! The numbers of a single image that people look at beside it.

use crate::measures::table::all;
use crate::measures::{Better, Measure};

/// A number of an image, with what it is held against.
pub(crate) struct Score {
    /// The name of the measure.
    pub(crate) measure: &'static str,
    /// What it is called beside an image.
    pub(crate) title: &'static str,
    /// What the floor is; empty if there is none.
    pub(crate) floor: &'static str,
    /// What the ceiling is; empty if there is none.
    pub(crate) ceiling: &'static str,
}

/// In the order in which they are shown.
pub(crate) const SCORES: [Score; 4] = [
    Score {
        measure: "identity",
        title: "likeness to the subject",
        floor: "base model, class word",
        ceiling: "real photos it never saw",
    },
    Score { measure: "prompt_following", title: "follows its prompt", floor: "base model", ceiling: "" },
    Score {
        measure: "nearest_similarity",
        title: "like its nearest training photo",
        floor: "base model",
        ceiling: "other real photos",
    },
    Score { measure: "baseline_rmse", title: "changed by the adapter (0: not at all)", floor: "", ceiling: "" },
];

impl Score {
    /// What is measured on the image.
    pub(crate) fn measure(&self) -> Option<&'static Measure> {
        all().find(|measure| !measure.is_of_cell() && measure.name == self.measure)
    }

    /// Which value is the better one, in a word; empty if neither is.
    pub(crate) fn better(&self) -> &'static str {
        match self.measure().map(|measure| measure.better) {
            Some(Better::Higher) => "higher",
            Some(Better::Lower) => "lower",
            Some(Better::Near) => "near the base model's",
            Some(Better::Neither) | None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_measured() {
        for score in &SCORES {
            let measure = score.measure().expect(score.measure);
            assert_eq!(measure.floor.is_none(), score.floor.is_empty(), "{}", score.measure);
            assert_eq!(measure.ceiling.is_empty(), score.ceiling.is_empty(), "{}", score.measure);
        }
    }
}
