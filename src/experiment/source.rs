//! Where a value was written: a place in a file, or a piece of text from the command line or environment.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One experiment file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user wrote it; shown in messages.
    pub path: PathBuf,
    /// Folder that relative paths in this file start from.
    pub folder: PathBuf,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte offset, both from 1; columns count characters.
    #[must_use]
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The text of a line, counted from 1, without its line end.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        let line = self.text.split('\n').nth(number.saturating_sub(1)).unwrap_or("");
        line.strip_suffix('\r').unwrap_or(line)
    }
}

/// What a problem points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes of a file.
    File {
        /// The file.
        source: Arc<Source>,
        /// The bytes, possibly empty.
        span: Range<usize>,
    },
    /// A file as a whole, e.g. because it cannot be read.
    Path(PathBuf),
    /// Not a file: `--set train.rank=0` or `environment variable RUNNER_TRAIN__RANK=0`.
    Text(String),
}

/// The spans of a value and, for a list, of its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) span: Range<usize>,
    pub(super) items: Vec<Spans>,
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File { source: Arc<Source>, key: Range<usize>, value: Spans },
    Text { what: String, raw: String, folder: PathBuf },
}

impl Origin {
    /// The key, as written.
    pub(super) fn key(&self) -> Place {
        match self {
            Self::File { source, key, .. } => Place::File { source: source.clone(), span: key.clone() },
            Self::Text { what, .. } => Place::Text(what.clone()),
        }
    }

    /// The value, as written.
    pub(super) fn value(&self) -> Place {
        match self {
            Self::File { source, value, .. } => Place::File { source: source.clone(), span: value.span.clone() },
            Self::Text { what, .. } => Place::Text(what.clone()),
        }
    }

    /// The origin of item `index` of a list; of the whole value when there is no such item.
    pub(super) fn item(&self, index: usize) -> Self {
        match self {
            Self::File { source, key, value } => {
                let item = value.items.get(index).cloned().unwrap_or_else(|| value.clone());
                Self::File { source: source.clone(), key: key.clone(), value: item }
            }
            Self::Text { .. } => self.clone(),
        }
    }

    /// The place of `needle` inside the value, or the whole value if it is not found literally.
    pub(super) fn inside(&self, needle: &str) -> Place {
        if let Self::File { source, value, .. } = self
            && let Some(text) = source.text.get(value.span.clone())
            && let Some(at) = text.find(needle)
        {
            let start = value.span.start + at;
            return Place::File { source: source.clone(), span: start..start + needle.len() };
        }
        self.value()
    }

    /// The folder relative paths in this value start from.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::File { source, .. } => &source.folder,
            Self::Text { folder, .. } => folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let source = Source { path: "a".into(), folder: ".".into(), text: "ä = 1\r\nb = 'é'\n".into() };
        assert_eq!(source.line_and_column(0), (1, 1));
        assert_eq!(source.line_and_column(2), (1, 2));
        assert_eq!(source.line_and_column(source.text.find('b').unwrap()), (2, 1));
        assert_eq!(source.line(1), "ä = 1");
        assert_eq!(source.line(2), "b = 'é'");
        assert_eq!(source.line(3), "");
        assert_eq!(source.line_and_column(usize::MAX), (3, 1));
    }
}
