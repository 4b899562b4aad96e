//! The defaults file: every setting there is, its default, and a comment.

use std::sync::LazyLock;

/// Every setting with its default and a comment; `runner defaults` prints it and users copy it.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Every setting by its dotted name, in the order of the file: the file is the only list of settings.
///
/// A setting without a default stands there commented out, as `# alpha = 4`.
pub(super) static KEYS: LazyLock<Vec<&'static str>> = LazyLock::new(|| keys(DEFAULTS));

/// The dotted names of the settings in the text of a defaults file, up to the commented sweep at its end.
fn keys(text: &'static str) -> Vec<&'static str> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in text.lines().take_while(|line| !line.starts_with("# [sweep]")) {
        if let Some((name, _)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            section = format!("{name}.");
        }
        let name = line.strip_prefix("# ").unwrap_or(line).split_once(" = ").map(|(name, _)| name);
        let word = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if let Some(name) = name.filter(word).filter(|name| *name != "extends") {
            // There are fewer than a hundred settings, and they last as long as the program.
            keys.push(&*format!("{section}{name}").leak());
        }
    }
    keys
}

/// The place of a setting or a section in the defaults file, for lists in the order that people know.
#[must_use]
pub fn order(path: &str) -> usize {
    let is_or_holds = |key: &&str| key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    KEYS.iter().position(is_or_holds).unwrap_or(KEYS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_with_and_without_a_default() {
        let text = "# A comment: a = b is not a setting = here.\n# name = \"x\"\n# extends = \"y\"\n\n[train]\n\
                    rank = 4   # x = y\n# alpha = 4\n\n[train.prior]\nseed = 0\n# [sweep]\n# dataset.size = 5\n";
        assert_eq!(keys(text), ["name", "train.rank", "train.alpha", "train.prior.seed"]);
    }

    #[test]
    fn sections_stand_where_their_first_setting_does() {
        let prior = order("train.prior_preservation");
        assert_eq!(prior, order("train.prior_preservation.kind"));
        assert!(order("train.seed") < prior && prior < order("generate.sampler"));
        assert_eq!(order("train.ran"), KEYS.len());
    }

    #[test]
    fn every_value_of_the_file_is_a_setting() {
        fn count(table: &toml::Table) -> usize {
            table.values().map(|value| value.as_table().map_or(1, count)).sum()
        }
        let table: toml::Table = DEFAULTS.parse().unwrap();
        let without_default = DEFAULTS.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")).count();
        let defaults = count(&table);
        assert!(defaults > 40 && KEYS.len() > defaults && KEYS.len() < defaults + without_default, "{KEYS:?}");
        assert!(KEYS.contains(&"train.epochs") && KEYS.contains(&"train.prior_preservation.weight"));
    }
}
