//! Two studies beside each other: what differs between them, and which of their cells and images belong together.

use std::collections::BTreeSet;

use crate::records::images::Group;
use crate::report::data::{CellData, Picture, ReportFile, StudyData};
use crate::report::naming::axis;

/// The folder of the other study's files inside the report.
const FOLDER: &str = "compare";
/// At most so many pairs of images are shown.
pub(crate) const MOST_PAIRS: usize = 48;

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Its dotted name.
    pub(crate) key: String,
    /// Its values in this study and in the other one; `None` where it is not set.
    pub(crate) values: [Option<String>; 2],
}

/// The settings that are not the same in both studies, swept or fixed.
pub(crate) fn differences(one: &StudyData, other: &StudyData) -> Vec<Difference> {
    let mut keys: Vec<&str> = Vec::new();
    for data in [one, other] {
        let swept = data.axes.iter().chain(&data.derived).map(|axis| axis.key.as_str());
        for key in swept.chain(data.fixed.iter().map(|setting| setting.key.as_str())) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let difference = |key: &str| Difference { key: key.to_owned(), values: [one, other].map(|data| values(data, key)) };
    keys.into_iter().map(difference).filter(|d| d.values[0] != d.values[1]).collect()
}

/// All values of a setting in a study.
fn values(data: &StudyData, key: &str) -> Option<String> {
    let swept = data.axes.iter().chain(&data.derived).find(|axis| axis.key == key);
    let fixed = || data.fixed.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone());
    swept.map(|axis| axis.values.join(", ")).or_else(fixed)
}

/// The value of a setting in a cell; settings that follow from swept ones are left out.
fn value<'d>(data: &'d StudyData, cell: &'d CellData, key: &str) -> Option<&'d str> {
    let own = cell.assignments.iter().find(|setting| setting.key == key);
    own.or_else(|| data.fixed.iter().find(|setting| setting.key == key)).map(|setting| setting.value.as_str())
}

/// The photos of a kind that any cell uses, by content.
pub(crate) fn photos(data: &StudyData, of: fn(&CellData) -> &[usize]) -> BTreeSet<&str> {
    let used = data.cells.iter().flat_map(of).filter_map(|index| data.photos.get(*index));
    used.map(|photo| photo.hash.as_str()).collect()
}

/// A cell of each study that belong together, with the images that both made from the same prompt and seed.
#[derive(Debug)]
pub(crate) struct CellPair<'d> {
    /// Their indices.
    pub(crate) at: (usize, usize),
    pub(crate) one: &'d CellData,
    pub(crate) other: &'d CellData,
    pub(crate) images: Vec<(&'d Picture, &'d Picture)>,
}

/// The pairs of cells that differ least in what either study sweeps. Each cell is in one pair at most.
pub(crate) fn pairs<'d>(one: &'d StudyData, other: &'d StudyData) -> Vec<CellPair<'d>> {
    let swept: BTreeSet<&str> = one.axes.iter().chain(&other.axes).map(|axis| axis.key.as_str()).collect();
    let distance = |a: &CellData, b: &CellData| {
        let differs = |key: &&&str| value(one, a, key) != value(other, b, key);
        // A seed matters less than any other setting.
        swept.iter().filter(differs).map(|key| if axis::is_repeat(key) { 1 } else { 100 }).sum::<usize>()
    };
    let mut all: Vec<(usize, usize, usize)> = Vec::new();
    for (i, a) in one.cells.iter().enumerate() {
        all.extend(other.cells.iter().enumerate().map(|(j, b)| (distance(a, b), i, j)));
    }
    all.sort_unstable();
    let (mut used, mut used_other) = (BTreeSet::new(), BTreeSet::new());
    let mut chosen = Vec::new();
    for (_, i, j) in all {
        if !used.contains(&i) && !used_other.contains(&j) {
            used.insert(i);
            used_other.insert(j);
            chosen.push((i, j));
        }
    }
    chosen.sort_unstable();
    let pair = |(i, j): (usize, usize)| {
        let (a, b) = (&one.cells[i], &other.cells[j]);
        CellPair { at: (i, j), one: a, other: b, images: same_images(a, b) }
    };
    chosen.into_iter().map(pair).filter(|pair| !pair.images.is_empty()).collect()
}

/// The images of two cells that were asked for in the same way.
fn same_images<'d>(a: &'d CellData, b: &'d CellData) -> Vec<(&'d Picture, &'d Picture)> {
    let of_prompts = |cell: &'d CellData| cell.images.iter().filter(|picture| picture.group == Group::Prompt);
    let same = |p: &Picture, q: &Picture| (&p.prompt, p.seed) == (&q.prompt, q.seed);
    of_prompts(a).filter_map(|p| Some((p, of_prompts(b).find(|q| same(p, q))?))).collect()
}

/// The pairs that are shown, and how many are not.
pub(crate) fn shown<'d>(mut pairs: Vec<CellPair<'d>>) -> (Vec<CellPair<'d>>, usize) {
    let (mut room, mut left) = (MOST_PAIRS, 0);
    for pair in &mut pairs {
        left += pair.images.len().saturating_sub(room);
        pair.images.truncate(room);
        room -= pair.images.len();
    }
    pairs.retain(|pair| !pair.images.is_empty());
    (pairs, left)
}

/// The other study as this report shows it: its files lie in a folder of their own, and only those that are shown.
pub(crate) fn moved(one: &StudyData, mut other: StudyData) -> StudyData {
    let (shown, _) = shown(pairs(one, &other));
    let used: BTreeSet<String> =
        shown.iter().flat_map(|pair| &pair.images).map(|(_, picture)| picture.file.clone()).collect();
    drop(shown);
    let inside = |file: &str| format!("{FOLDER}/{file}");
    other.files.retain(|file| used.contains(&file.to));
    other.files = other.files.into_iter().map(|file| ReportFile { to: inside(&file.to), ..file }).collect();
    // Only the photos' contents count here, not their pictures.
    other.photos.iter_mut().for_each(|photo| photo.file = None);
    other.baselines.clear();
    other.class_images.clear();
    for cell in &mut other.cells {
        cell.baseline = None;
        cell.images.retain(|picture| used.contains(&picture.file));
        cell.images.iter_mut().for_each(|picture| picture.file = inside(&picture.file));
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::{Axis, Setting};
    use crate::report::fixture;

    #[test]
    fn settings_that_differ_are_found_swept_or_fixed() {
        let one = fixture::study();
        let mut other = fixture::study();
        assert!(differences(&one, &other).is_empty());
        other.fixed.retain(|setting| setting.key != "train.rank");
        other.axes.push(Axis { key: "train.rank".into(), values: vec!["4".into(), "16".into()] });
        other.fixed.push(Setting { key: "train.new".into(), value: "1".into() });
        let found = differences(&one, &other);
        let texts: Vec<_> = found.iter().map(|d| (d.key.as_str(), d.values.clone())).collect();
        assert_eq!(
            texts,
            [
                ("train.rank", [Some("4".to_owned()), Some("4, 16".to_owned())]),
                ("train.new", [None, Some("1".to_owned())])
            ]
        );
    }

    #[test]
    fn cells_that_are_most_alike_belong_together() {
        let one = fixture::study();
        let other = fixture::two_axes();
        let labels: Vec<_> =
            pairs(&one, &other).iter().map(|pair| (pair.one.label.clone(), pair.other.label.clone())).collect();
        assert_eq!(labels.len(), 2, "{labels:?}");
        for (a, b) in labels {
            assert!(b.starts_with(&a), "{a} and {b}");
        }
    }

    #[test]
    fn only_what_is_shown_is_copied_and_nothing_leaves_its_folder() {
        let one = fixture::study();
        let mut other = fixture::study();
        other.cells[0].images[0].prompt = "another".into();
        let before = other.cells[0].images.len();
        let moved = moved(&one, other);
        assert!(moved.cells[0].images.len() < before);
        assert!(moved.cells.iter().flat_map(|c| &c.images).all(|p| p.file.starts_with("compare/images/")));
        let pairs = pairs(&one, &moved);
        assert!(pairs.iter().flat_map(|pair| &pair.images).all(|(p, q)| (&p.prompt, p.seed) == (&q.prompt, q.seed)));
        let mut many = pairs;
        let images = many[0].images.clone();
        many[0].images = images.iter().cycle().take(MOST_PAIRS + 3).copied().collect();
        let rest: usize = many.iter().skip(1).map(|pair| pair.images.len()).sum();
        let (shown, left) = shown(many);
        assert_eq!((shown.len(), shown[0].images.len(), left), (1, MOST_PAIRS, 3 + rest));
    }
}
