//! What is not as it was, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Lock;
use crate::text::{count, shortened};

/// At most so many changes are listed.
const MOST: usize = 20;
/// Values longer than this are cut.
const LONGEST: usize = 60;

/// Everything that differs, each in a plain sentence.
pub(super) fn differences(then: &Lock, now: &Lock) -> Vec<String> {
    let mut all = Vec::new();
    if then.runner != now.runner {
        all.push(format!("it was locked by runner {}, and this is runner {}", then.runner, now.runner));
    }
    each(&then.stages, &now.stages, |name, change| match change {
        Change::Other(a, b) => all.push(format!("this runner makes other `{name}` results: version {a} is now {b}")),
        Change::Added(_) | Change::Gone(_) => all.push(format!("`{name}` is not a stage of both versions of runner")),
    });
    each(&then.files, &now.files, |name, change| all.push(format!("{name} {}", happened(&change))));
    each(&then.settings, &now.settings, |name, change| all.push(setting(name, &change)));
    each(&then.models, &now.models, |name, change| all.push(format!("the model {name} {}", happened(&change))));
    each(&then.photos, &now.photos, |folder, change| match change {
        Change::Other(a, b) => {
            each(a, b, |name, change| all.push(format!("{folder}: {name} {}", happened(&change))));
        }
        Change::Added(photos) => all.push(format!("{folder}: {} are used now", count(photos.len(), "file"))),
        Change::Gone(photos) => all.push(format!("{folder}: {} are not used any more", count(photos.len(), "file"))),
    });
    all
}

/// At most [`MOST`] lines.
pub(super) fn list(changed: &[String]) -> String {
    let mut lines: Vec<&str> = changed.iter().take(MOST).map(String::as_str).collect();
    let more = format!("and {} more", changed.len().saturating_sub(MOST));
    if changed.len() > MOST {
        lines.push(&more);
    }
    lines.join("\n  ")
}

/// What happened to an entry.
enum Change<'a, T> {
    Other(&'a T, &'a T),
    Added(&'a T),
    Gone(&'a T),
}

fn each<'a, T: PartialEq>(
    then: &'a BTreeMap<String, T>,
    now: &'a BTreeMap<String, T>,
    mut tell: impl FnMut(&str, Change<'a, T>),
) {
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    for name in names {
        match (then.get(name), now.get(name)) {
            (Some(a), Some(b)) if a != b => tell(name, Change::Other(a, b)),
            (None, Some(b)) => tell(name, Change::Added(b)),
            (Some(a), None) => tell(name, Change::Gone(a)),
            _ => {}
        }
    }
}

fn happened<T>(change: &Change<'_, T>) -> &'static str {
    match change {
        Change::Other(..) => "has another content",
        Change::Added(_) => "was added",
        Change::Gone(_) => "is gone",
    }
}

fn setting(name: &str, change: &Change<'_, String>) -> String {
    let short = |value: &String| shortened(value, LONGEST);
    match change {
        Change::Other(a, b) => format!("{name} was {}, and is {}", short(a), short(b)),
        Change::Added(b) => format!("{name} was not a setting, and is {}", short(b)),
        Change::Gone(a) => format!("{name} was {}, and is not a setting any more", short(a)),
    }
}
