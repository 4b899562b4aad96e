//! What each swept setting does to the score: means by value, the other settings averaged.
//!
//! How sure a difference is comes from the verdict; here are the means that are drawn and their order.

use crate::measures::verdict::{AxisEffect, Difference};
use crate::report::finding::{Judged, axis_said, level_name};
use crate::report::naming::axis;
use crate::text;

/// One swept setting.
pub(crate) struct Effect {
    /// What people call it.
    pub(crate) name: String,
    /// Its values in order.
    pub(crate) levels: Vec<Level>,
    /// The largest difference between the means of two values.
    pub(crate) range: f64,
    /// One sentence.
    pub(crate) said: String,
}

/// One value of a setting.
pub(crate) struct Level {
    /// `rank 4`.
    pub(crate) title: String,
    /// One number for each repeat, the other settings averaged, with the name of the repeat.
    pub(crate) dots: Vec<(f64, String)>,
    /// Mean score.
    pub(crate) mean: f64,
    /// Two values whose bands do not touch can be told apart, corrected for the number of comparisons.
    pub(crate) band: Option<(f64, f64)>,
}

/// The settings, the one that moves the score most first. Empty where a combination has no score: then nothing can be
/// averaged fairly.
pub(crate) fn effects(judged: &Judged<'_>) -> Vec<Effect> {
    if !judged.comparable {
        return Vec::new();
    }
    let own = match &judged.verdict.axes {
        Some(axes) => axes.effects.clone(),
        None => single(judged).into_iter().collect(),
    };
    let mut effects: Vec<Effect> = own.iter().filter_map(|effect| of_axis(judged, effect)).collect();
    effects.sort_by(|a, b| b.range.total_cmp(&a.range));
    effects
}

/// The effect of the only axis: its values are the conditions.
fn single(judged: &Judged<'_>) -> Option<AxisEffect> {
    let [_] = judged.axes.as_slice() else { return None };
    let level = |condition: usize| Some(*judged.study.conditions.get(condition)?.levels.first()?);
    let renamed = |d: &Difference| Some(Difference { first: level(d.first)?, second: level(d.second)?, ..d.clone() });
    let differences: Vec<Difference> = judged.verdict.differences.iter().map(renamed).collect::<Option<_>>()?;
    let range = differences.iter().map(|d| d.estimate.abs()).fold(0.0, f64::max);
    Some(AxisEffect { axis: 0, differences, range })
}

fn of_axis(judged: &Judged<'_>, effect: &AxisEffect) -> Option<Effect> {
    let key = judged.axes.get(effect.axis)?.key;
    let count = judged.study.axes.get(effect.axis)?.levels;
    let levels: Vec<Level> = (0..count).map(|level| level_of(judged, effect, level)).collect::<Option<_>>()?;
    let name = axis::name(key);
    let by = text::measurement(effect.range);
    let detail = axis_said(judged, effect)
        .unwrap_or_else(|| "Nothing is known of chance, so nothing is called better.".to_owned());
    let said = format!("Moves the {} by up to {by}. {detail}", judged.question.noun());
    Some(Effect { name, levels, range: effect.range, said })
}

fn level_of(judged: &Judged<'_>, effect: &AxisEffect, level: usize) -> Option<Level> {
    let those = with_levels(judged, &[(effect.axis, level)]);
    let mean = mean(those.iter().map(|c| judged.verdict.conditions[*c].score.map(|score| score.mean)))?;
    let dot = |repeat: usize| {
        let scores = those.iter().map(|c| judged.study.conditions[*c].scores.get(repeat).copied().flatten());
        Some((self::mean(scores)?, repeat_name(judged, repeat)))
    };
    // With one axis its differences were corrected together with those to the base model.
    let gains = judged.verdict.conditions.iter().filter(|c| c.gain.is_some_and(|gain| gain.p.is_some())).count();
    let comparisons = effect.differences.len() + if judged.verdict.axes.is_some() { 0 } else { gains };
    let own = effect.differences.iter().filter(|d| d.first == level || d.second == level);
    let half = own.filter_map(|d| d.band(comparisons)).reduce(f64::max);
    Some(Level {
        title: level_name(judged, effect.axis, level)?,
        dots: (0..judged.repeats.len()).filter_map(dot).collect(),
        mean,
        band: half.map(|half| (mean - half, mean + half)),
    })
}

/// What another seed does to the mean of all conditions; `None` with one repeat, or where a training has no score.
pub(crate) fn of_seeds(judged: &Judged<'_>) -> Option<Effect> {
    let conditions = &judged.study.conditions;
    if !judged.comparable || judged.repeats.len() < 2 || conditions.is_empty() {
        return None;
    }
    let level = |repeat: usize| {
        let mean = mean(conditions.iter().map(|c| c.scores.get(repeat).copied().flatten()))?;
        Some(Level { title: repeat_name(judged, repeat), dots: Vec::new(), mean, band: None })
    };
    let levels: Vec<Level> = (0..judged.repeats.len()).map(level).collect::<Option<_>>()?;
    let means = || levels.iter().map(|level| level.mean);
    let range = means().reduce(f64::max)? - means().reduce(f64::min)?;
    let keys = judged.repeats.iter().flatten().map(|s| s.key.as_str());
    let mut names: Vec<String> = Vec::new();
    for name in keys.map(axis::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let name = text::list(&names);
    let said = format!(
        "Another {name} alone moves the {} by {}: {}.",
        judged.question.noun(),
        text::measurement(range),
        beside(range, &effects(judged))
    );
    Some(Effect { name, levels, range, said })
}

/// How a range compares with those of the settings.
fn beside(range: f64, effects: &[Effect]) -> String {
    let (less, more): (Vec<&Effect>, Vec<&Effect>) = effects.iter().partition(|effect| effect.range < range);
    let names = |some: &[&Effect]| text::list(&some.iter().map(|e| format!("the {}", e.name)).collect::<Vec<_>>());
    match (less.is_empty(), more.is_empty()) {
        (_, true) => "repeating a training moves it more than any setting".to_owned(),
        (true, false) => "repeating a training moves it less than every setting".to_owned(),
        (false, false) => format!("more than {}, less than {}", names(&less), names(&more)),
    }
}

/// The conditions that have these values of these axes.
pub(crate) fn with_levels(judged: &Judged<'_>, values: &[(usize, usize)]) -> Vec<usize> {
    let has = |c: &usize| {
        let levels = &judged.study.conditions[*c].levels;
        values.iter().all(|(axis, level)| levels.get(*axis) == Some(level))
    };
    (0..judged.study.conditions.len()).filter(has).collect()
}

fn repeat_name(judged: &Judged<'_>, repeat: usize) -> String {
    match judged.repeats.get(repeat).map(Vec::as_slice) {
        None | Some([]) => "the only training".to_owned(),
        Some(seeds) => axis::say_all(seeds),
    }
}

/// The mean, if all are there and there is at least one.
fn mean(numbers: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let numbers: Vec<f64> = numbers.collect::<Option<_>>()?;
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn the_setting_that_moves_most_stands_first() {
        let data = fixture::with_seeds(&fixture::two_axes(), 2);
        let judged = judged(&data);
        let effects = effects(&judged);
        assert_eq!(effects.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["number of photos", "rank"]);
        // The losses are 0.28 and 0.26, and the seeds add a little.
        assert!((effects[0].range - 0.02).abs() < 0.001, "{}", effects[0].range);
        assert_eq!(effects[0].levels[0].dots.len(), 2);
        let (low, high) = effects[0].levels[0].band.expect("two trainings have a noise");
        assert!(low < effects[0].levels[0].mean && effects[0].levels[0].mean < high);
        for effect in &effects {
            let [(a, b), (c, d)] = [0, 1].map(|level| effect.levels[level].band.expect("a band"));
            assert_eq!(b >= c && d >= a, effect.said.contains("cannot be told apart"), "{}", effect.said);
        }
        let seeds = of_seeds(&judged).expect("two seeds");
        assert_eq!(seeds.name, "training seed");
        assert!(seeds.said.contains("more than the rank, less than the number of photos"), "{}", seeds.said);
    }

    #[test]
    fn nothing_is_averaged_over_a_gap() {
        let mut data = fixture::with_seeds(&fixture::two_axes(), 2);
        for cell in &mut data.cells[..2] {
            cell.metrics.iter_mut().for_each(|m| m.extend([("probe_held_out".into(), 9.0)]));
        }
        let judged = judged(&data);
        assert!(effects(&judged).is_empty());
        assert!(of_seeds(&judged).is_none());
    }

    #[test]
    fn one_axis_is_its_conditions() {
        let mut data = fixture::two_axes();
        data.cells.truncate(2);
        data.axes.remove(0);
        data.cells.iter_mut().for_each(|cell| drop(cell.assignments.remove(0)));
        let judged = judged(&data);
        let effects = effects(&judged);
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].levels.iter().map(|l| l.title.as_str()).collect::<Vec<_>>(), ["rank 4", "rank 16"]);
        assert!(effects[0].said.contains("Nothing is known of chance"), "{}", effects[0].said);
    }
}
