//! `[sweep]`, `[[cells]]` and `[[exclude]]`: which combinations make the study.
//!
//! The grid is the product of the sweep's axes in file order, the last axis changing fastest; the axes of an extended
//! file come first. Axes of one `[sweep.zip]` are walked together, as one axis ([`Walk`]). `[[cells]]` follow in file
//! order. A combination that matches all keys of an `[[exclude]]` is dropped. A cell with the settings of an earlier
//! one is dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Assignments, Entry};
use super::problem::Problem;
use super::problems::Problems;
use super::value::{label, same};
use super::walk::{MAX_CELLS, Walk, assigned, refuse};

/// More rules are a mistake, too: each is compared with every cell.
const MAX_EXCLUDES: usize = 1000;
/// The bytes that all cells may take together: every cell holds all its settings, long lists included.
const MAX_BYTES: usize = 128 << 20;

/// A combination before it is checked: what it assigns on top of the file's settings.
pub(super) type Combination = Assignments;

/// All combinations: the grid, then the explicit cells, without those excluded.
///
/// `base` holds the values of settings that a combination does not assign.
pub(super) fn combinations(
    walks: &[Walk],
    cells: &[Assignments],
    exclude: &[Assignments],
    base: &BTreeMap<String, Entry>,
    problems: &mut Problems,
) -> Vec<Combination> {
    let grid = walks.iter().try_fold(1usize, |count, walk| count.checked_mul(walk.len()));
    let count = grid.and_then(|grid| grid.checked_add(cells.len())).filter(|count| *count <= MAX_CELLS);
    if count.is_none() {
        let sizes: Vec<String> = walks.iter().map(|walk| walk.len().to_string()).collect();
        let message = match (sizes.is_empty(), cells.len()) {
            (true, listed) => format!("there are {listed} `[[cells]]`"),
            (false, 0) => format!("the grid has {} cells", sizes.join(" × ")),
            (false, listed) => format!("the grid has {} cells, and there are {listed} `[[cells]]`", sizes.join(" × ")),
        };
        let axis = walks.last().and_then(|walk| walk.axes.first()?.1.first());
        let place = axis.or_else(|| cells.iter().flatten().next().map(|(_, entry)| entry));
        if let Some(place) = place {
            problems.push(Problem::error(place.origin.key(), message).expected(format!("at most {MAX_CELLS}")));
        }
        return Vec::new();
    }
    let longest = |entries: &[Entry]| entries.iter().map(|entry| size(&entry.value)).max().unwrap_or(0);
    let swept: usize = walks.iter().flat_map(|walk| &walk.axes).map(|(_, values)| longest(values)).sum();
    let given: usize = base.values().map(|entry| size(&entry.value)).sum();
    if let Some(problem) = too_large(count.unwrap_or(0), swept + given, base) {
        problems.push(problem);
        return Vec::new();
    }
    if let Some(rule) = exclude.get(MAX_EXCLUDES).and_then(|rule| rule.first()) {
        let message = format!("there are {} `[[exclude]]` sections", exclude.len());
        problems.push(Problem::error(rule.1.origin.key(), message).expected(format!("at most {MAX_EXCLUDES}")));
        return Vec::new();
    }
    let mut all = product(walks);
    if walks.is_empty() && !cells.is_empty() {
        all.clear();
    }
    for cell in cells.iter().filter(|cell| !cell.is_empty()) {
        let refused = cell.iter().filter(|(key, entry)| refuse(key, entry, problems)).count();
        if refused == 0 {
            let entry =
                |(key, entry): &(String, Entry)| (key.clone(), assigned(entry.value.clone(), entry.origin.clone()));
            all.push(cell.iter().map(entry).collect());
        }
    }
    drop_excluded(all, exclude, base, problems)
}

/// The problem of a grid that takes too much memory; it points at the longest setting.
pub(super) fn too_large(cells: usize, bytes: usize, base: &BTreeMap<String, Entry>) -> Option<Problem> {
    if cells.saturating_mul(bytes) <= MAX_BYTES {
        return None;
    }
    let (key, longest) = base.iter().max_by_key(|(_, entry)| size(&entry.value))?;
    let message = format!("{cells} cells of {bytes} bytes each are too much; the most comes from `{key}`");
    let help = "shorten that setting, or split the study into several files";
    Some(Problem::error(longest.origin.key(), message).expected(format!("at most {MAX_BYTES} bytes")).help(help))
}

/// About how many bytes a value takes in memory, with the place of each of its items.
fn size(value: &toml::Value) -> usize {
    const ITEM: usize = 80;
    ITEM + match value {
        toml::Value::String(text) => text.len(),
        toml::Value::Array(items) => items.iter().map(size).sum(),
        toml::Value::Table(fields) => fields.iter().map(|(key, value)| key.len() + size(value)).sum(),
        _ => 0,
    }
}

/// The product of the walks; one empty combination without any.
fn product(walks: &[Walk]) -> Vec<Combination> {
    walks.iter().fold(vec![Vec::new()], |all, walk| {
        let extend = |combination: Combination| {
            (0..walk.len()).map(move |step| combination.iter().cloned().chain(walk.step(step)).collect())
        };
        all.into_iter().flat_map(extend).collect()
    })
}

fn drop_excluded(
    mut all: Vec<Combination>,
    exclude: &[Assignments],
    base: &BTreeMap<String, Entry>,
    problems: &mut Problems,
) -> Vec<Combination> {
    let before = all.clone();
    for rule in exclude.iter().filter(|rule| !rule.is_empty()) {
        let matches = |combination: &Combination| {
            rule.iter().all(|(key, entry)| {
                let assigned = combination.iter().find(|(other, _)| other == key).map(|(_, entry)| entry);
                assigned.or_else(|| base.get(key)).is_some_and(|other| same(&other.value, &entry.value))
            })
        };
        if !before.iter().any(matches) {
            let text: Vec<String> = rule.iter().map(|(key, entry)| format!("{key}={}", label(&entry.value))).collect();
            let message = format!("this `[[exclude]]` matches no cell: {}", text.join(" "));
            problems.push(Problem::warning(rule[0].1.origin.key(), message).help("remove it or mend its values"));
        }
        all.retain(|combination| !matches(combination));
    }
    if all.is_empty() && !before.is_empty() && !exclude.is_empty() {
        let place = exclude.iter().flatten().next().map(|(_, entry)| entry.origin.key());
        problems.extend(place.map_or_else(Problems::default, |place| {
            Problem::error(place, "`[[exclude]]` drops every cell").help("nothing would be left to run").into()
        }));
    }
    all
}

/// `dataset.size=5 train.rank=4`, or `default` for a study without a grid.
pub(super) fn cell_label(combination: &[(String, toml::Value)]) -> String {
    if combination.is_empty() {
        return "default".to_owned();
    }
    let parts: Vec<String> = combination.iter().map(|(key, value)| format!("{key}={}", label(value))).collect();
    parts.join(" ")
}

/// `size=5 rank=4`: a label without the names of tables, as far as it needs none. Keys that end alike keep theirs.
fn short_label(combination: &[(String, toml::Value)]) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let alike = |key: &str| combination.iter().filter(|(other, _)| last(other) == last(key)).count() > 1;
    let name = |key: &String| if alike(key) { key.clone() } else { last(key) };
    let short: Vec<_> = combination.iter().map(|(key, value)| (name(key), value.clone())).collect();
    cell_label(&short)
}

/// Folder names of cells: safe on every system, unique among the cells even where case does not count.
pub(super) fn slugs<'c>(cells: impl Iterator<Item = &'c [(String, toml::Value)]>) -> Vec<String> {
    safe_names(&cells.map(short_label).collect::<Vec<_>>())
}

fn safe_names(labels: &[String]) -> Vec<String> {
    const LONGEST: usize = 80;
    let mut seen = BTreeSet::new();
    let mut slug = |label: &String| {
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        let plain: String = label.chars().map(safe).collect();
        let plain = plain.trim_matches(['.', '-']).to_owned();
        if !plain.is_empty() && plain.len() <= LONGEST && seen.insert(plain.to_lowercase()) {
            return plain;
        }
        let hash = blake3::hash(label.as_bytes()).to_hex();
        let start: String = plain.chars().take(LONGEST - 9).collect();
        let unique = format!("{}-{}", start.trim_matches(['.', '-']), &hash[..8]).trim_start_matches('-').to_owned();
        seen.insert(unique.to_lowercase());
        unique
    };
    labels.iter().map(&mut slug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_and_unique() {
        let labels = ["a=x", "a=X", "a=../../b c", "default", &format!("a={}", "é".repeat(200)), "a=1", "a-1"];
        let slugs = safe_names(&labels.map(str::to_owned));
        let lower: BTreeSet<String> = slugs.iter().map(|s| s.to_lowercase()).collect();
        assert_eq!(lower.len(), labels.len(), "{slugs:?}");
        for slug in &slugs {
            assert!(slug.len() <= 80 && !slug.is_empty(), "{slug}");
            assert!(slug.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)), "{slug}");
            assert!(!slug.starts_with('.') && !slug.starts_with('-'), "{slug}");
        }
        assert_eq!(slugs[0], "a-x");
        assert_eq!(slugs[3], "default");
    }

    #[test]
    fn folders_are_named_without_tables_where_that_is_clear() {
        let cell = |keys: &[&str]| -> Vec<(String, toml::Value)> {
            keys.iter().map(|key| ((*key).to_owned(), toml::Value::Integer(5))).collect()
        };
        let cells =
            [cell(&["dataset.size", "train.seed"]), cell(&["dataset.seed", "train.seed", "train.rank"]), cell(&[])];
        let slugs = slugs(cells.iter().map(Vec::as_slice));
        assert_eq!(slugs, ["size-5-seed-5", "dataset.seed-5-train.seed-5-rank-5", "default"]);
    }
}
