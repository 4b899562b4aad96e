//! One thing that can be said against photos.

use super::kind::Kind;
use crate::text::plain_name;

/// What was found, and about which files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The files; none if it is about all photos.
    pub files: Vec<String>,
    /// A fragment such as `120 × 90 pixels`; it may be empty.
    pub detail: String,
}

impl Finding {
    pub(in crate::photos) fn new(kind: Kind, files: Vec<String>, detail: impl Into<String>) -> Self {
        Self { kind, files, detail: detail.into() }
    }

    /// The files with what was found, for a list: `a.jpg (120 × 90 pixels)` or `(a.jpg, b.jpg; mirrored)`.
    #[must_use]
    pub fn item(&self) -> String {
        let (files, detail) = (plain_name(&self.files.join(", ")), &self.detail);
        match (self.files.len(), detail.is_empty()) {
            (0, _) => detail.clone(),
            (1, true) => files,
            (1, false) => format!("{files} ({detail})"),
            (_, true) => format!("({files})"),
            (_, false) => format!("({files}; {detail})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_with_what_was_found() {
        let item = |files: &[&str], detail: &str| {
            Finding::new(Kind::Tiny, files.iter().map(|file| (*file).to_owned()).collect(), detail).item()
        };
        assert_eq!([item(&["a"], ""), item(&["a"], "x")], ["a", "a (x)"]);
        assert_eq!([item(&["a", "b"], ""), item(&["a", "b"], "x"), item(&[], "x")], ["(a, b)", "(a, b; x)", "x"]);
    }
}
