//! Lists of names that do not grow without end.

/// This many names are listed; more are counted.
const SHOWN: usize = 5;

/// `a, b and 3 more`; `None` for nothing.
pub(super) fn listed(names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown),
        (false, more) => Some(format!("{shown} and {more} more")),
    }
}
