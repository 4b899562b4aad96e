//! What is judged: scores of trainings by condition and repeat.

/// Which score is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
}

/// The trainings of one condition. All lists have one entry for each repeat of the study.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// The score of each training; `None` where there is none (failed, stopped early, not run, diverged).
    pub scores: Vec<Option<f64>>,
    /// What the base model reaches on the same photos and the same noise; empty if it is not known.
    pub floor: Vec<Option<f64>>,
    /// How many trainings diverged. They are counted and are never a score.
    pub diverged: usize,
    /// For each axis of the study the index of this condition's value.
    pub levels: Vec<usize>,
}

/// One swept setting that is not a seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// The numbers behind its values, if they are ordered sizes; empty otherwise.
    pub sizes: Vec<f64>,
    /// How many values it has.
    pub levels: usize,
}

/// The scores of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Which score is the better one.
    pub direction: Direction,
    /// All conditions.
    pub conditions: Vec<Condition>,
    /// The swept settings; empty if there is one condition.
    pub axes: Vec<Axis>,
    /// Ceiling − floor in the units of the score, if both are known and the measure tells them apart. Without it the
    /// gain of the best condition over the base model takes its place.
    pub span: Option<f64>,
}

impl Direction {
    /// `1` where higher is better, `−1` where lower is.
    #[must_use]
    pub fn sign(self) -> f64 {
        match self {
            Self::Higher => 1.0,
            Self::Lower => -1.0,
        }
    }
}

impl Study {
    /// The number of repeats.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.conditions.iter().map(|c| c.scores.len()).max().unwrap_or(0)
    }

    /// The scores by condition and repeat, rows of equal length; `None` where there is no finite number.
    pub(super) fn table(&self) -> Vec<Vec<Option<f64>>> {
        let repeats = self.repeats();
        let score = |c: &Condition, r: usize| c.scores.get(r).copied().flatten().filter(|y| y.is_finite());
        self.conditions.iter().map(|c| (0..repeats).map(|r| score(c, r)).collect()).collect()
    }
}
