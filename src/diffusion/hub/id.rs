//! `owner/name@revision`, checked before it becomes a path or a URL.

use super::HubError;

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

impl ModelId {
    /// `owner/name`.
    #[must_use]
    pub fn repo(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        if self.revision == "main" { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

impl std::str::FromStr for ModelId {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let wrong = |reason| HubError::Id { id: text.to_owned(), reason };
        let (repo, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (owner, name) = repo.split_once('/').ok_or_else(|| wrong("there is no slash"))?;
        for part in [owner, name] {
            if part.is_empty() || part.len() > 96 {
                return Err(wrong("owner and name have 1 to 96 characters"));
            }
            // the Hub's own rule; it also keeps paths inside the cache
            if part.starts_with(['.', '-']) || part.ends_with(['.', '-']) || part.contains("..") || part.contains("--")
            {
                return Err(wrong("neither `..` nor `--` nor a dot or dash at an end is allowed"));
            }
            if !part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
                return Err(wrong("only letters, digits, `.`, `_` and `-` are allowed, and one slash"));
            }
        }
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if revision.len() > 200 || !revision.split('/').all(plain) {
            return Err(wrong("that is not a branch, tag or commit"));
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), revision: revision.to_owned() })
    }
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
    }

    #[test]
    fn nothing_escapes_the_cache() {
        for text in
            ["", "a", "/b", "a/", "../b", "a/..", "a/b/c", "a/b@", "a/b@../c", "a/b@/c", "a/b@c\\d", "a b/c", "a/b@x@y"]
        {
            assert!(text.parse::<ModelId>().is_err(), "{text}");
        }
    }
}
