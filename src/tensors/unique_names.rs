//! JSON headers must not name a tensor twice: which of the two a reader takes differs between programs.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// The first name that a JSON object has twice; `None` if all differ, or if the text is no JSON object.
pub(crate) fn first_duplicate(json: &[u8]) -> Option<String> {
    serde_json::from_slice::<Names>(json).ok()?.duplicate
}

struct Names {
    duplicate: Option<String>,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let (mut seen, mut duplicate) = (BTreeSet::new(), None);
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if duplicate.is_none() && seen.contains(&name) {
                duplicate = Some(name);
            } else {
                seen.insert(name);
            }
        }
        Ok(Names { duplicate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_twice_is_found() {
        assert_eq!(first_duplicate(br#"{"a": 1, "b": {"a": 2}, "c": 3}"#), None);
        assert_eq!(first_duplicate(br#"{"a": 1, "b": 2, "\u0061": 3, "b": 4}"#).as_deref(), Some("a"));
        assert_eq!(first_duplicate(b"[1]"), None);
        assert_eq!(first_duplicate(b"{"), None);
    }
}
