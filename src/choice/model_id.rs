//! The id of a model on the Hugging Face Hub: `owner/name` or `owner/name@revision`.
//!
//! The experiment file, the command line and the Hub client read ids with this one rule; it is checked before an
//! id becomes a path or a URL.

/// A model of the Hub at a branch, tag or commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelId {
    /// User or organisation.
    pub owner: String,
    /// Repository.
    pub name: String,
    /// Branch, tag or commit; `main` if none is given.
    pub revision: String,
}

/// The text is no id, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{id}\" is not a Hub id: {reason}; expected owner/name or owner/name@revision")]
pub struct IdError {
    /// The text given.
    pub id: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ModelId {
    /// `owner/name`.
    #[must_use]
    pub fn repo(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The model at another revision.
    ///
    /// # Errors
    /// The text is not a revision.
    pub fn at(&self, revision: &str) -> Result<Self, IdError> {
        format!("{}@{revision}", self.repo()).parse()
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        if self.revision == "main" { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

impl std::str::FromStr for ModelId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = |reason| IdError { id: text.to_owned(), reason };
        let (repo, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (owner, name) = repo.split_once('/').ok_or_else(|| wrong("there is no slash"))?;
        for part in [owner, name] {
            if part.is_empty() || part.len() > 96 {
                return Err(wrong("owner and name have 1 to 96 characters"));
            }
            // This is the Hub's own rule; it also keeps paths inside the cache.
            if part.starts_with(['.', '-']) || part.ends_with(['.', '-']) || part.contains("..") || part.contains("--")
            {
                return Err(wrong("neither `..` nor `--` nor a dot or dash at an end is allowed"));
            }
            if !part.bytes().all(is_plain) {
                return Err(wrong("only letters, digits, `.`, `_` and `-` are allowed, and one slash"));
            }
        }
        // Git has the same rules for the parts of a branch's name, and more.
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.contains("..")
                && part.bytes().all(is_plain)
        };
        if revision.len() > 200 || !revision.split('/').all(plain) {
            return Err(wrong("that is not a branch, tag or commit"));
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), revision: revision.to_owned() })
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_and_written() {
        for text in ["stabilityai/stable-diffusion-2-1", "a/b@v1.0", "a/b@refs/pr/3", "A_b/c.d@fp16"] {
            assert_eq!(text.parse::<ModelId>().unwrap().to_string(), text);
        }
        assert_eq!("a/b".parse::<ModelId>().unwrap().revision, "main");
        assert_eq!("a/b@x".parse::<ModelId>().unwrap().at("y").unwrap().to_string(), "a/b@y");
    }

    #[test]
    fn nothing_escapes_the_cache() {
        let long = format!("a/{}", "b".repeat(97));
        for text in [
            "", "a", "/b", "a/", "../b", "a/..", "a/b/c", "a/b@", "a/b@../c", "a/b@/c", "a/b@c\\d", "a b/c", "a/b@x@y",
            "a--b/c", "a/b@x..y", "a/b@-x", "a/b@x/", "a/b@x.", "é/b", "a/b\n", &long,
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text}");
        }
    }
}
